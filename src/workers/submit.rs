//! The queue behind /submit, and the worker that empties it.
//!
//! 202 is a promise. The queue is bounded, so there are never more promises than can be kept; each is held by the engine's book
//! until the worker has finished it. While the process leaves, requests are still answered and so jobs still come; once the
//! last request is done, the worker does what is left and ends, within `drain.release`.

use crate::error::Error;
use lameduck::{Job, Jobs, Worker};
use serde_json::{Map, Value};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// With `bench.enabled` an object may say how long its work takes, to this many milliseconds: `{"work_ms": 500}`.
const WORK_MS_MAX: u64 = 60_000;

/// The way in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Queue {
    sender: mpsc::Sender<Submitted>,
    jobs: Jobs,
    ids: Arc<Ids>,
}

/// The way out, for the one worker.
#[derive(Debug)]
pub struct Backlog {
    receiver: mpsc::Receiver<Submitted>,
    bench: bool,
}

#[derive(Debug)]
struct Submitted {
    job: Job,
    object: Map<String, Value>,
}

/// A queue of at most `most` jobs. With `bench`, objects may ask for slow work.
pub fn queue(most: usize, jobs: Jobs, bench: bool) -> (Queue, Backlog) {
    let (sender, receiver) = mpsc::channel(most.max(1));
    (Queue { sender, jobs, ids: Arc::new(Ids::new()) }, Backlog { receiver, bench })
}

// === impl Queue ===

impl Queue {
    /// Takes a job on and says by which id.
    ///
    /// # Errors
    /// [`Error::QueueFull`]; nothing was promised then.
    pub fn push(&self, object: Map<String, Value>) -> Result<String, Error> {
        // The place first: a job that is in the book and not in the queue would be a lost one.
        let place = self.sender.try_reserve().map_err(|_| Error::QueueFull)?;
        let id = self.ids.next();
        place.send(Submitted { job: self.jobs.accept(id.clone()), object });
        Ok(id)
    }
}

// === impl Backlog ===

impl Backlog {
    /// Works until it is the worker's turn to end, then until the queue is empty.
    ///
    /// # Errors
    /// None: a job that cannot be done is the job's affair, not the worker's.
    ///
    /// # Cancel safety
    /// Dropped in the middle of a job, that job and those in the queue are lost, and the report names them.
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

    /// What is left, once nobody adds to it.
    async fn rest(&mut self) {
        self.receiver.close();
        while let Some(submitted) = self.receiver.recv().await {
            self.work(submitted).await;
        }
    }

    /// The work itself: yours goes here.
    async fn work(&self, Submitted { job, object }: Submitted) {
        if let Some(ms) = object.get("work_ms").and_then(Value::as_u64).filter(|_| self.bench) {
            tokio::time::sleep(Duration::from_millis(ms.min(WORK_MS_MAX))).await;
        }
        tracing::debug!(job = job.id(), fields = object.len(), "job {} is done", job.id());
        job.finish();
    }
}

/// Ids that no two replicas give: 64 random bits of the process, then a counter.
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
    fn a_full_queue_promises_nothing() {
        let (queue, _backlog) = queue(2, Jobs::default(), false);
        let first = queue.push(Map::new()).unwrap();
        let second = queue.push(Map::new()).unwrap();
        assert_ne!(first, second);
        assert_eq!(queue.push(Map::new()), Err(Error::QueueFull));
    }

    #[tokio::test]
    async fn what_was_promised_is_done_after_the_queue_has_closed() {
        let (queue, mut backlog) = queue(8, Jobs::default(), false);
        for _ in 0..5 {
            queue.push(Map::new()).unwrap();
        }
        backlog.rest().await;
        assert_eq!(backlog.receiver.len(), 0);
        assert_eq!(queue.push(Map::new()), Err(Error::QueueFull), "a closed queue promises nothing");
    }
}
