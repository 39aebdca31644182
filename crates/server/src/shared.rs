//! What all connections, listeners and tasks of one server share.

use crate::admission::{Admission, DRAINING, FORCED};
use crate::app::RouteTable;
use crate::arrivals::Watcher;
use crate::cells::{AtomicF64, SHARDS};
use crate::histogram::Histogram;
use crate::hold::{Rates, Silences};
use crate::ledger::{ClosedCells, LedgerCells};
use crate::numbers::{AcceptErrors, Numbers};
use crate::observer::Watch;
use crate::options::Options;
use crate::table::Table;
use lameduck_lifecycle::{CloseReason, Connections, Protocol};
use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

/// Less than this many expected requests is none.
const ROUNDING: f64 = 1e-12;

/// The inside of a [`Server`](crate::Server).
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) watch: Watch,
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
    raced_expected: AtomicF64,
    /// Expected losses of closes that did not happen.
    refunds: Mutex<f64>,

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
    #[cfg(feature = "tls")]
    pub(crate) handshakes: crate::tls::HandshakeCells,
    /// Connections that were in an accept queue when its listener closed.
    pub(crate) unserved: AtomicU64,
}

impl Shared {
    pub(crate) fn new(options: Options) -> Self {
        let watch = Watch::new(&options.observers);
        Self {
            options,
            watch,
            admission: Admission::default(),
            ledger: LedgerCells::default(),
            closed: ClosedCells::default(),
            table: Table::default(),
            late_arrivals: Histogram::default(),
            arrivals: Watcher::default(),
            silences: Silences::new(SHARDS),
            rates: OnceLock::new(),
            raced: AtomicU64::new(0),
            raced_expected: AtomicF64::default(),
            refunds: Mutex::new(0.0),
            left: Notify::new(),
            phase: watch::Sender::new(()),
            drained: Notify::new(),
            deadline: Mutex::new(None),
            listeners: AtomicUsize::new(0),
            routes: Mutex::default(),
            runtime: OnceLock::new(),
            accept_errors: Default::default(),
            #[cfg(feature = "tls")]
            handshakes: Default::default(),
            unserved: AtomicU64::new(0),
        }
    }

    /// Whether the connections could exceed the limit of requests has to be known before the next request: kept with
    /// each change.
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
        self.raced_expected.store(expected);
    }

    /// What the closes that happened are expected to have lost.
    pub(crate) fn raced_expected(&self) -> f64 {
        let expected = self.raced_expected.load() - *self.refunds();
        // What rounding leaves of a sum taken back is nothing.
        if expected > ROUNDING { expected } else { 0.0 }
    }

    /// A close that was paid for did not happen.
    pub(crate) fn refund(&self, value: f64) {
        *self.refunds() += value;
    }

    /// What was given back since the last call.
    pub(crate) fn take_refunds(&self) -> f64 {
        std::mem::take(&mut *self.refunds())
    }

    fn refunds(&self) -> MutexGuard<'_, f64> {
        self.refunds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn accept_errors(&self) -> AcceptErrors {
        let [peer, resource, other] = &self.accept_errors;
        AcceptErrors { peer: peer.load(Relaxed), resource: resource.load(Relaxed), other: other.load(Relaxed) }
    }

    /// Everything counted so far.
    pub(crate) fn numbers(&self) -> Numbers {
        let mut ledger = self.ledger.read();
        ledger.raced = self.raced.load(Relaxed);
        ledger.unserved = self.unserved.load(Relaxed);
        ledger.raced_expected = self.raced_expected();
        if self.admission.now() & FORCED != 0 {
            // After the deadline what has not ended by itself was cut, even if its handler does not know yet.
            ledger.abort_in_flight();
        }
        Numbers {
            ledger,
            connections: self.connections(),
            late_arrivals: self.late_arrivals.snapshot(),
            accept_errors: self.accept_errors(),
            #[cfg(feature = "tls")]
            handshakes: self.handshakes(),
        }
    }

    /// Those that timed out are ended by the sweep, which counts connections.
    #[cfg(feature = "tls")]
    fn handshakes(&self) -> crate::tls::Handshakes {
        let timed_out = Protocol::ALL.map(|protocol| self.closed.read(protocol, CloseReason::HandshakeTimeout));
        self.handshakes.read().with_timed_out(timed_out.into_iter().sum())
    }

    fn connections(&self) -> Connections {
        let mut connections = Connections::default();
        self.table.each(|row| connections.add_open(row.protocol(), row.state(), 1));
        for protocol in Protocol::ALL {
            for reason in CloseReason::ALL {
                connections.add_closed(protocol, reason, self.closed.read(protocol, reason));
            }
        }
        connections
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
