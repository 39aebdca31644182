//! Background tasks with a name and a guard: started when the service is ready, told to leave, waited for, named if
//! they stay.

mod set;

pub(crate) use set::{WorkerSet, panic_text};

use crate::handle::Handle;
use crate::jobs::Jobs;
use futures_util::future::BoxFuture;
use std::future::Future;
use tokio::sync::watch;

/// What a worker is given: its name, the lifecycle, and its own turn to finish.
///
/// A worker ends in one of two ways. One that *pulls* work from outside (a broker, a table) stops at
/// [`leaving`](Worker::leaving): what it does not take, another replica will. One that works off a queue *inside* this
/// process goes on until [`releasing`](Worker::releasing): requests may still fill its queue until then, and it then
/// finishes what is left.
///
/// ```
/// use lameduck::Worker;
///
/// async fn work_off(worker: Worker, mut queue: tokio::sync::mpsc::Receiver<String>) -> anyhow::Result<()> {
///     loop {
///         tokio::select! {
///             biased;
///             Some(job) = queue.recv() => println!("{job}"),
///             () = worker.releasing() => return Ok(()),
///         }
///     }
/// }
/// ```
///
/// A worker that returns while the service serves has failed, with or without an error, and so has one that panics: the
/// process leaves and exits with 1. A worker that has nothing more to do waits for `leaving`.
#[derive(Clone, Debug)]
pub struct Worker {
    name: String,
    handle: Handle,
    turn: watch::Receiver<bool>,
}

impl Worker {
    /// As it was registered.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The lifecycle.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Where jobs are accepted.
    pub fn jobs(&self) -> &Jobs {
        self.handle.jobs()
    }

    /// Waits until the process leaves: stop pulling. Level-triggered.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is missed by asking again.
    pub async fn leaving(&self) {
        self.handle.leaving().await;
    }

    /// Waits until it is this worker's turn to end: every request has been answered, and the workers that were
    /// registered after this one have ended. Finish what is left and return; at the bound of Releasing the worker is
    /// dropped. Level-triggered.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is missed by asking again.
    pub async fn releasing(&self) {
        let mut turn = self.turn.clone();
        // Whoever would tell has gone: then it is everybody's turn.
        let _ = turn.wait_for(|turn| *turn).await;
    }
}

/// A worker that has not been started.
pub(crate) struct PendingWorker {
    name: String,
    run: Box<dyn FnOnce(Worker) -> BoxFuture<'static, anyhow::Result<()>> + Send>,
}

impl PendingWorker {
    pub(crate) fn new<F, Fut>(name: impl Into<String>, run: F) -> Self
    where
        F: FnOnce(Worker) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        Self { name: name.into(), run: Box::new(move |worker| Box::pin(run(worker))) }
    }
}

impl std::fmt::Debug for PendingWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingWorker").field("name", &self.name).finish_non_exhaustive()
    }
}
