//! Accepted work beside requests: each job is finished, returned, or lost, and the lost are named.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Ids of lost jobs that are kept by name; more are only counted.
const LOST_IDS_MAX: usize = 64;

/// Counts of accepted jobs. Law: accepted = finished + returned + lost + open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Jobs {
    /// Taken on: the client was told 202.
    pub accepted: u64,
    /// Done.
    pub finished: u64,
    /// Given back to where it came from (a lease, a broker), to be done by somebody else.
    pub returned: u64,
    /// Neither: the newest ids (at most 64).
    pub lost: VecDeque<String>,
    /// How many were lost, also beyond those named.
    pub lost_total: u64,
}

/// The job counts do not add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobsError;

impl std::fmt::Display for JobsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("more jobs ended than were accepted")
    }
}

impl std::error::Error for JobsError {}

impl Jobs {
    /// Records a lost job by its id.
    pub fn lose(&mut self, id: String) {
        self.lost_total += 1;
        if self.lost.len() == LOST_IDS_MAX {
            self.lost.pop_front();
        }
        self.lost.push_back(id);
    }

    /// Jobs accepted and not ended.
    ///
    /// # Errors
    /// If more ended than were accepted.
    pub fn open(&self) -> Result<u64, JobsError> {
        self.accepted.checked_sub(self.finished + self.returned + self.lost_total).ok_or(JobsError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_lost_are_bounded_but_all_are_counted() {
        let mut jobs = Jobs { accepted: 100, ..Jobs::default() };
        for id in 0..100 {
            jobs.lose(id.to_string());
        }
        assert_eq!((jobs.lost.len(), jobs.lost_total), (LOST_IDS_MAX, 100));
        assert_eq!(jobs.lost.back().map(String::as_str), Some("99"));
        assert_eq!(jobs.open(), Ok(0));
        jobs.finished = 1;
        assert_eq!(jobs.open(), Err(JobsError));
    }
}
