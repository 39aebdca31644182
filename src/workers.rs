//! Background work: the queue behind /submit, and the worker that empties it.
//!
//! 202 is a promise. The queue is bounded, so there are never more promises than can be kept; the engine tracks each
//! job until the worker has finished it. While the process leaves, requests are still served and can still add jobs;
//! once the last request has ended, the worker finishes the queue and ends, within `drain.release`.

use crate::error::Error;
use lameduck::{Job, Jobs, Worker};
use serde_json::{Map, Value};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration; // [repository]
use tokio::sync::mpsc;

/// The sender: handlers add jobs here. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Queue {
    sender: mpsc::Sender<Submitted>,
    jobs: Jobs,
    ids: Arc<Ids>,
}

/// The receiver, for the one worker.
#[derive(Debug)]
pub struct Backlog {
    receiver: mpsc::Receiver<Submitted>,
    work_time: Option<WorkTime>, // [repository]
}

// [repository
/// How long the work of an object is made to take.
pub type WorkTime = fn(&Map<String, Value>) -> Duration;
// repository]

#[derive(Debug)]
struct Submitted {
    job: Job,
    object: Map<String, Value>,
}

/// A queue of at most `max` jobs.
pub fn queue(max: usize, jobs: Jobs) -> (Queue, Backlog) {
    let (sender, receiver) = mpsc::channel(max.max(1));
    (Queue { sender, jobs, ids: Arc::new(Ids::new()) }, Backlog { receiver, work_time: None })
}

// === impl Queue ===

impl Queue {
    /// Accepts a job and returns its id.
    ///
    /// # Errors
    /// [`Error::QueueFull`]; the job was not accepted then.
    pub fn push(&self, object: Map<String, Value>) -> Result<String, Error> {
        // Reserve a slot first: a job that is accepted but not queued would be lost.
        let slot = self.sender.try_reserve().map_err(|_| Error::QueueFull)?;
        let id = self.ids.next();
        slot.send(Submitted { job: self.jobs.accept(id.clone()), object });
        Ok(id)
    }
}

// === impl Backlog ===

impl Backlog {
    // [repository
    /// Makes each job take as long as `work_time` says: for tests of slow work.
    pub fn slowed(self, work_time: WorkTime) -> Self {
        Self { work_time: Some(work_time), ..self }
    }

    // repository]
    /// Works until the worker must stop, then until the queue is empty.
    ///
    /// # Errors
    /// None: a job that fails does not fail the worker.
    ///
    /// # Cancel safety
    /// If dropped in the middle of a job, that job and those in the queue are lost, and the report names them.
    pub async fn work_off(mut self, worker: Worker) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                submitted = self.receiver.recv() => match submitted {
                    Some(submitted) => self.work(submitted).await,
                    None => break,
                },
                () = worker.releasing() => break,
            }
        }
        self.rest().await;
        Ok(())
    }

    /// The rest of the queue, once it takes no more jobs.
    async fn rest(&mut self) {
        self.receiver.close();
        while let Some(submitted) = self.receiver.recv().await {
            self.work(submitted).await;
        }
    }

    /// The work itself: yours goes here.
    async fn work(&self, Submitted { job, object }: Submitted) {
        // [repository
        if let Some(work_time) = self.work_time {
            tokio::time::sleep(work_time(&object)).await;
        }
        // repository]
        tracing::debug!(job = job.id(), fields = object.len(), "job {} is done", job.id());
        job.finish();
    }
}

/// Ids that are unique across replicas: 64 random bits per process, then a counter.
#[derive(Debug)]
struct Ids {
    process: u64,
    next: AtomicU64,
}

impl Ids {
    fn new() -> Self {
        // The standard library seeds each hasher from the system's randomness.
        Self { process: RandomState::new().hash_one(std::process::id()), next: AtomicU64::new(1) }
    }

    fn next(&self) -> String {
        format!("{:016x}-{}", self.process, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_accepts_nothing() {
        let (queue, _backlog) = queue(2, Jobs::default());
        let first = queue.push(Map::new()).unwrap();
        let second = queue.push(Map::new()).unwrap();
        assert_ne!(first, second);
        assert_eq!(queue.push(Map::new()), Err(Error::QueueFull));
    }

    #[tokio::test]
    async fn accepted_jobs_are_done_after_the_queue_has_closed() {
        let (queue, mut backlog) = queue(8, Jobs::default());
        for _ in 0..5 {
            queue.push(Map::new()).unwrap();
        }
        backlog.rest().await;
        assert_eq!(backlog.receiver.len(), 0);
        assert_eq!(queue.push(Map::new()), Err(Error::QueueFull), "a closed queue accepts nothing");
    }
}
