//! The exit code: what a process says to the one that started it.

use crate::jobs::Jobs;
use crate::ledger::Ledger;
use crate::phase::Leaving;

/// The exit code, by what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: nothing was lost and nothing failed.
    Clean,
    /// 1: start-up or a part failed.
    Failed,
    /// 2: usage or configuration.
    Usage,
    /// 3: work was lost: aborted, raced, a connection that was never accepted, or a job neither finished nor returned.
    Lost,
}

impl Exit {
    /// The exit of a process that left. Does not depend on how many signals came.
    pub fn of(leaving: &Leaving, ledger: &Ledger, jobs: &Jobs) -> Self {
        if ledger.lost() > 0 || jobs.lost_total > 0 {
            Self::Lost
        } else if leaving.failures.is_empty() {
            Self::Clean
        } else {
            Self::Failed
        }
    }

    /// The number for the operating system.
    pub fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Lost => 3,
        }
    }
}
