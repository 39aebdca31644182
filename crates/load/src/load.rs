//! The load as it runs: its threads, and how they are stopped.

use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use tokio::sync::watch;

use crate::lag::Lag;
use crate::plan::LoadPlan;
use crate::record::Record;
use crate::stage::Stage;
use crate::thread as load_thread;

/// The load as it runs. Dropping it without [`Load::stop`] stops the clients at once and forgets what they saw.
#[derive(Debug)]
pub struct Load {
    stop: watch::Sender<Option<Instant>>,
    threads: Vec<thread::JoinHandle<std::io::Result<(Record, Lag)>>>,
}

impl Load {
    /// Starts all clients of these threads; the other threads of the plan, if there are any, run elsewhere.
    ///
    /// # Errors
    /// The threads cannot be started.
    pub fn start(plan: &Arc<LoadPlan>, stage: &Arc<Stage>, threads: Range<usize>) -> std::io::Result<Self> {
        let (stop, stopped) = watch::channel(None);
        let threads = threads
            .map(|index| {
                let (plan, stage, stopped) = (Arc::clone(plan), Arc::clone(stage), stopped.clone());
                thread::Builder::new()
                    .name(format!("load-{index}"))
                    .spawn(move || load_thread::run(&plan, &stage, index, stopped))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { stop, threads })
    }

    /// Lets no further request fall due, waits for those in flight until `deadline`, and hands over what was seen.
    ///
    /// # Errors
    /// A load thread could not be set up, or panicked.
    pub async fn stop(self, deadline: Instant) -> anyhow::Result<(Record, Lag)> {
        self.stop.send_replace(Some(deadline));
        let threads = self.threads;
        let joined = tokio::task::spawn_blocking(move || {
            let (mut record, mut lag) = (Record::new(), Lag::new());
            for thread in threads {
                let seen = thread.join().map_err(|_| anyhow::anyhow!("a load thread panicked"))?;
                let (other_record, other_lag) = seen?;
                record.add(other_record);
                lag.add(&other_lag);
            }
            anyhow::Ok((record, lag))
        });
        joined.await?
    }
}
