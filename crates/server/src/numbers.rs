//! What the server counts, summed.

use crate::admission::FORCED;
use crate::histogram::HistogramSnapshot;
use crate::shared::Shared;
use lameduck_lifecycle::{CloseReason, Connections, Ledger, Protocol};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// Everything counted so far.
///
/// A sum over cells that move meanwhile: each number is true of some moment between the call and its return. The law of the
/// ledger holds exactly once nothing moves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers {
    /// Requests.
    pub ledger: Ledger,
    /// Connections.
    pub connections: Connections,
    /// When, after the start of leaving, requests still came.
    pub late_arrivals: HistogramSnapshot,
    /// Accepts that failed.
    pub accept_errors: AcceptErrors,
}

/// Failed accepts, by what to do about them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AcceptErrors {
    /// The peer had gone before we came to it. Harmless.
    pub peer: u64,
    /// This process or machine lacks something (file descriptors, memory).
    pub resource: u64,
    /// Anything else.
    pub other: u64,
}

/// New connections while leaving.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Since the start of leaving.
    pub count: u64,
    /// The newest.
    pub last: Option<Instant>,
}

/// Sums everything.
pub(crate) fn read(shared: &Shared) -> Numbers {
    let mut ledger = shared.ledger.read();
    ledger.raced = shared.raced.load(Relaxed);
    ledger.raced_expected = shared.raced_expected();
    if shared.admission.now() & FORCED != 0 {
        // After the deadline what has not ended by itself was cut, even if its handler does not know yet.
        ledger.abort_in_flight();
    }
    Numbers {
        ledger,
        connections: connections(shared),
        late_arrivals: shared.late_arrivals.snapshot(),
        accept_errors: shared.accept_errors(),
    }
}

fn connections(shared: &Shared) -> Connections {
    let mut connections = Connections::default();
    shared.table.each(|row| connections.add_open(row.protocol(), row.state(), 1));
    for protocol in Protocol::ALL {
        for reason in CloseReason::ALL {
            connections.add_closed(protocol, reason, shared.closed.read(protocol, reason));
        }
    }
    connections
}
