//! Accepted work beside requests. A client that was told 202 has been promised something: each job is finished, given
//! back, or lost, and the lost are named in the report.

use lameduck_lifecycle::{Jobs as Counts, Straggler, StragglerKind, WaitsFor};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Takes on jobs and counts how they end. A cheap handle; clones are the same book.
///
/// It remembers the id of every open job, so the number of open jobs must be bounded by whoever accepts them: a bounded
/// queue.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    book: Arc<Mutex<Book>>,
}

#[derive(Debug, Default)]
struct Book {
    counts: Counts,
    open: HashMap<u64, Open>,
    next: u64,
}

#[derive(Debug)]
struct Open {
    id: String,
    since: Instant,
}

/// A job that was taken on. Dropped without [`finish`](Job::finish) or [`give_back`](Job::give_back) it is lost: the
/// process then exits with 3.
#[derive(Debug)]
#[must_use = "a dropped job is a lost job"]
pub struct Job {
    number: u64,
    id: String,
    jobs: Jobs,
}

// === impl Jobs ===

impl Jobs {
    /// Takes on a job. Call it before the client is told: a job that was promised but not counted cannot be missed.
    pub fn accept(&self, id: impl Into<String>) -> Job {
        let id = id.into();
        let mut book = self.book();
        let number = book.next;
        book.next += 1;
        book.counts.accepted += 1;
        book.open.insert(number, Open { id: id.clone(), since: Instant::now() });
        drop(book);
        Job { number, id, jobs: self.clone() }
    }

    /// The counts now.
    pub(crate) fn counts(&self) -> Counts {
        self.book().counts.clone()
    }

    /// The oldest open jobs.
    pub(crate) fn stragglers(&self, most: usize) -> Vec<Straggler> {
        let book = self.book();
        let mut open: Vec<_> = book.open.iter().collect();
        open.sort_unstable_by_key(|(number, _)| **number);
        let straggler =
            |open: &Open| Straggler::new(StragglerKind::Job, &open.id, open.since.elapsed(), WaitsFor::Worker);
        open.into_iter().take(most).map(|(_, open)| straggler(open)).collect()
    }

    /// The process ends: what is open now is lost.
    pub(crate) fn close(&self) {
        let mut book = self.book();
        let mut open: Vec<_> = book.open.drain().collect();
        open.sort_unstable_by_key(|(number, _)| *number);
        for (_, Open { id, .. }) in open {
            book.counts.lose(id);
        }
    }

    /// Ends a job once: a job that is no longer in the book has been counted.
    fn end(&self, number: u64, count: impl FnOnce(&mut Counts, String)) {
        let mut book = self.book();
        if let Some(Open { id, .. }) = book.open.remove(&number) {
            count(&mut book.counts, id);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Job ===

impl Job {
    /// What it was accepted as.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// It is done.
    pub fn finish(self) {
        self.jobs.end(self.number, |counts, _| counts.finished += 1);
    }

    /// It is back where it came from (a broker, a table), to be done by somebody else.
    pub fn give_back(self) {
        self.jobs.end(self.number, |counts, _| counts.returned += 1);
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.jobs.end(self.number, |counts, id| {
            tracing::warn!(job = %id, "job {id} was dropped, neither finished nor given back");
            counts.lose(id);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_job_ends_once_in_one_way() {
        let jobs = Jobs::default();
        jobs.accept("a").finish();
        jobs.accept("b").give_back();
        drop(jobs.accept("c"));
        let open = jobs.accept("d");
        assert_eq!(jobs.stragglers(8).iter().map(|job| job.name.as_str()).collect::<Vec<_>>(), ["d"]);
        jobs.close();
        drop(open);
        let counts = jobs.counts();
        assert_eq!((counts.accepted, counts.finished, counts.returned, counts.lost_total), (4, 1, 1, 2));
        assert_eq!(counts.lost, ["c", "d"]);
        assert_eq!(counts.open(), Ok(0));
    }
}
