//! The load: clients that never retry, on threads of their own, each request with an id and one verdict.
//!
//! The clients know addresses and bytes only. Where a new connection goes is the endpoint table's choice; what a loss
//! means is the judge's.

pub(crate) mod arrivals;
mod h2c;
mod http1;
mod lag;
mod worker;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub(crate) use self::http1::request::id as request_id;
pub(crate) use self::lag::Lag;
use crate::endpoints::Table;
use crate::record::{Micros, Period, Record};
use crate::verdict::Kind;

/// Some clients of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) kind: Kind,
    pub(crate) clients: u32,
    /// Requests a second that fall due for each client, on average.
    pub(crate) rate: f64,
}

/// What the requests look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shapes {
    pub(crate) path: String,
    pub(crate) slow_path: String,
    pub(crate) stream_path: String,
    pub(crate) upload_path: String,
    pub(crate) upload_chunks: u32,
    pub(crate) upload_chunk_bytes: u32,
    pub(crate) upload_interval: Duration,
    /// Requests sent at once on a pipelined connection.
    pub(crate) pipeline_depth: u32,
    /// What `Host` says; `None`: the address.
    pub(crate) host: Option<String>,
}

/// The whole load of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LoadPlan {
    pub(crate) groups: Vec<Group>,
    pub(crate) shapes: Shapes,
    /// From the first byte sent to the last byte of the answer.
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    /// Between a client's last look at its connection and its write: the part of the race that is the client's.
    pub(crate) look_to_write: Duration,
    /// Over all machines; each thread has its share of the clients.
    pub(crate) threads: usize,
    pub(crate) seed: u64,
}

impl LoadPlan {
    /// Requests a second that fall due, over all clients.
    pub(crate) fn offered(&self) -> f64 {
        self.groups.iter().map(|group| f64::from(group.clients) * group.rate).sum()
    }

    /// The part of every request id that tells this run's requests from others'.
    pub(crate) fn series(&self) -> u32 {
        (self.seed ^ (self.seed >> 32)) as u32
    }

    /// Most connections open at once, those of HTTP/2 counted without the old ones that still finish.
    pub(crate) fn connections(&self) -> u64 {
        self.groups.iter().map(|group| u64::from(group.clients)).sum()
    }
}

/// Numbers that may be read while the load runs.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) ended: AtomicU64,
    pub(crate) lost: AtomicU64,
}

/// What the load threads share with the driver of restarts.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) epoch: Instant,
    pub(crate) table: Table,
    pub(crate) live: Live,
    period: AtomicU8,
}

impl Stage {
    pub(crate) fn new(views: usize) -> Self {
        Self::since(Instant::now(), views)
    }

    /// A stage whose clock began at `epoch`.
    pub(crate) fn since(epoch: Instant, views: usize) -> Self {
        Self { epoch, table: Table::new(views), live: Live::default(), period: AtomicU8::new(0) }
    }

    pub(crate) fn now(&self) -> Micros {
        self.epoch.elapsed().as_micros() as Micros
    }

    pub(crate) fn enter_period(&self, period: Period) {
        self.period.store(period as u8, Ordering::Relaxed);
    }

    fn period(&self) -> Period {
        Period::ALL[usize::from(self.period.load(Ordering::Relaxed)).min(Period::ALL.len() - 1)]
    }
}

/// The load as it runs. Dropping it without [`Load::stop`] stops the clients at once and forgets what they saw.
#[derive(Debug)]
pub(crate) struct Load {
    stop: watch::Sender<Option<Instant>>,
    threads: Vec<thread::JoinHandle<std::io::Result<(Record, Lag)>>>,
}

impl Load {
    /// Starts all clients of these threads; the other threads of the plan, if there are any, run elsewhere.
    ///
    /// # Errors
    /// The threads cannot be started.
    pub(crate) fn start(plan: &Arc<LoadPlan>, stage: &Arc<Stage>, threads: Range<usize>) -> std::io::Result<Self> {
        let (stop, stopped) = watch::channel(None);
        let threads = threads
            .map(|index| {
                let (plan, stage, stopped) = (Arc::clone(plan), Arc::clone(stage), stopped.clone());
                thread::Builder::new()
                    .name(format!("load-{index}"))
                    .spawn(move || worker::run(&plan, &stage, index, stopped))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { stop, threads })
    }

    /// Lets no further request fall due, waits for those in flight until `deadline`, and hands over what was seen.
    ///
    /// # Errors
    /// A load thread could not be set up, or panicked.
    pub(crate) async fn stop(self, deadline: Instant) -> anyhow::Result<(Record, Lag)> {
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
