//! What the server counts, summed.

use crate::histogram::HistogramSnapshot;
use lameduck_lifecycle::{Connections, Ledger};

/// Everything counted so far.
///
/// A sum over cells that move meanwhile: each number is true of some moment between the call and its return. The law of
/// the ledger holds exactly once nothing moves.
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
    /// Handshakes of TLS.
    #[cfg(feature = "tls")]
    pub handshakes: crate::tls::Handshakes,
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
