//! What the clients share with the program that restarts replicas: a clock, the endpoint table, live numbers.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Instant;

use crate::endpoints::Table;
use crate::micros::Micros;
use crate::record::Period;

/// Numbers that may be read while the load runs.
#[derive(Debug, Default)]
pub struct Live {
    /// Requests that have a verdict.
    pub ended: AtomicU64,
    /// Those of them that are lost.
    pub lost: AtomicU64,
}

/// What the load threads share with the driver of restarts.
#[derive(Debug)]
pub struct Stage {
    /// When the run began.
    pub epoch: Instant,
    /// Where new connections go.
    pub table: Table,
    /// Numbers to show while the load runs.
    pub live: Live,
    period: AtomicU8,
}

impl Stage {
    /// A stage whose clock begins now, with this many views of the endpoint table.
    pub fn new(views: usize) -> Self {
        Self::since(Instant::now(), views)
    }

    /// A stage whose clock began at `epoch`.
    pub fn since(epoch: Instant, views: usize) -> Self {
        Self { epoch, table: Table::new(views), live: Live::default(), period: AtomicU8::new(0) }
    }

    /// Microseconds since the run began.
    pub fn now(&self) -> Micros {
        self.epoch.elapsed().as_micros() as Micros
    }

    /// Counts what ends from now on into this period.
    pub fn enter_period(&self, period: Period) {
        self.period.store(period as u8, Ordering::Relaxed);
    }

    pub(crate) fn period(&self) -> Period {
        Period::ALL[usize::from(self.period.load(Ordering::Relaxed)).min(Period::ALL.len() - 1)]
    }
}
