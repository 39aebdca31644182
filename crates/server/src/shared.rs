//! What all connections, listeners and tasks of one server share.

use crate::admission::{Admission, DRAINING, FORCED};
use crate::app::RouteTable;
use crate::arrivals::Watcher;
use crate::cells::SHARDS;
use crate::histogram::Histogram;
use crate::hold::{Rates, Silences};
use crate::ledger::{ClosedCells, LedgerCells};
use crate::numbers::AcceptErrors;
use crate::options::Options;
use crate::table::Table;
use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

/// Less than this many expected requests is none.
const ROUNDING: f64 = 1e-12;

/// The inside of a [`Server`](crate::Server).
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) access_threshold: u16,
    pub(crate) admission: Admission,
    pub(crate) ledger: LedgerCells,
    pub(crate) closed: ClosedCells,
    pub(crate) table: Table,
    pub(crate) late_arrivals: Histogram,
    pub(crate) arrivals: Watcher,

    /// How silences of idle connections ended, and what that says, frozen when leaving began.
    pub(crate) silences: Silences,
    pub(crate) rates: OnceLock<Rates>,
    pub(crate) raced: AtomicU64,
    /// Bits of an `f64`.
    raced_expected: AtomicU64,
    spared: Mutex<f64>,

    /// A connection has left: there may be room.
    pub(crate) left: Notify,
    /// Draining or the deadline has come.
    pub(crate) phase: watch::Sender<()>,
    drained: Notify,
    pub(crate) deadline: Mutex<Option<Instant>>,

    pub(crate) listeners: AtomicUsize,
    pub(crate) routes: Mutex<Vec<Arc<RouteTable>>>,
    /// The work runtime, known since the first listener.
    pub(crate) runtime: OnceLock<Handle>,
    pub(crate) accept_errors: [AtomicU64; 3],
}

impl Shared {
    pub(crate) fn new(options: Options) -> Self {
        let access_threshold = options.access.threshold();
        Self {
            options,
            access_threshold,
            admission: Admission::default(),
            ledger: LedgerCells::default(),
            closed: ClosedCells::default(),
            table: Table::default(),
            late_arrivals: Histogram::default(),
            arrivals: Watcher::default(),
            silences: Silences::new(SHARDS),
            rates: OnceLock::new(),
            raced: AtomicU64::new(0),
            raced_expected: AtomicU64::new(0),
            spared: Mutex::new(0.0),
            left: Notify::new(),
            phase: watch::Sender::new(()),
            drained: Notify::new(),
            deadline: Mutex::new(None),
            listeners: AtomicUsize::new(0),
            routes: Mutex::default(),
            runtime: OnceLock::new(),
            accept_errors: Default::default(),
        }
    }

    /// Whether the connections could exceed the limit of requests has to be known before the next request: kept with each change.
    pub(crate) fn recount(&self) {
        let streams = self.options.http2.max_concurrent_streams as usize;
        let crowded = || self.table.requests_max(streams) > self.options.limits.requests_in_flight;
        let mut is = crowded();
        while is != (self.admission.after_registering() & crate::admission::CROWDED != 0) {
            self.admission.set_crowded(is);
            // Somebody may have come or gone in between, and have written before us.
            is = crowded();
        }
    }

    /// A request crossed our FIN.
    pub(crate) fn raced(&self) {
        self.raced.fetch_add(1, Relaxed);
    }

    /// The drain publishes what its closes are expected to lose.
    pub(crate) fn expect_raced(&self, expected: f64) {
        self.raced_expected.store(expected.to_bits(), Relaxed);
    }

    /// What the closes that happened are expected to have lost.
    pub(crate) fn raced_expected(&self) -> f64 {
        let spared = *self.spared.lock().unwrap_or_else(PoisonError::into_inner);
        let expected = f64::from_bits(self.raced_expected.load(Relaxed)) - spared;
        // What rounding leaves of a sum taken back is nothing.
        if expected > ROUNDING { expected } else { 0.0 }
    }

    /// A close that was paid for did not happen.
    pub(crate) fn spared(&self, value: f64) {
        *self.spared.lock().unwrap_or_else(PoisonError::into_inner) += value;
    }

    /// What was spared since the last call.
    pub(crate) fn take_spared(&self) -> f64 {
        std::mem::take(&mut *self.spared.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn accept_errors(&self) -> AcceptErrors {
        let [peer, resource, other] = &self.accept_errors;
        AcceptErrors { peer: peer.load(Relaxed), resource: resource.load(Relaxed), other: other.load(Relaxed) }
    }

    /// Listeners closed, table empty, nothing in flight.
    pub(crate) fn is_drained(&self) -> bool {
        self.admission.after_registering() & (DRAINING | FORCED) != 0
            && self.listeners.load(SeqCst) == 0
            && self.table.len() == 0
            && self.ledger.in_flight() == 0
    }

    /// Somebody has left who may have been the last.
    pub(crate) fn look_whether_drained(&self) {
        if self.is_drained() {
            self.drained.notify_waiters();
        }
    }

    /// Waits until [`is_drained`](Self::is_drained).
    pub(crate) async fn drained(&self) {
        loop {
            let mut left = std::pin::pin!(self.drained.notified());
            // Listen first, look second: an end in between is not missed.
            left.as_mut().enable();
            if self.is_drained() {
                return;
            }
            left.await;
        }
    }
}
