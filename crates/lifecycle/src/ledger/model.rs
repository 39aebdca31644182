//! The ledger as a pure model: what the server's atomic cells must add up to.

use super::{End, Ledger};
use crate::vocabulary::{Kind, Outcome, Protocol};
use std::collections::BTreeMap;

/// Requests by id, each started once and ended once.
///
/// The server keeps sharded atomic cells instead; tests hold both against each other.
#[derive(Clone, Debug, Default)]
pub struct LedgerModel {
    open: BTreeMap<u64, Open>,
    next: u64,
    signalled: bool,
    ledger: Ledger,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    protocol: Protocol,
    kind: Kind,
    after_signal: bool,
}

impl LedgerModel {
    /// A request reached the guard. Returns its id.
    pub fn start(&mut self, protocol: Protocol) -> u64 {
        let id = self.next;
        self.next += 1;
        self.open.insert(id, Open { protocol, kind: Kind::Request, after_signal: self.signalled });
        self.ledger.add_started(protocol, 1);
        self.gauge(protocol, Kind::Request);
        id
    }

    /// The kind became known (an upgrade from the request, server-sent events from the response): moves the gauge.
    pub fn turn_into(&mut self, id: u64, kind: Kind) {
        if let Some(open) = self.open.get_mut(&id) {
            let (protocol, before) = (open.protocol, open.kind);
            open.kind = kind;
            self.gauge(protocol, before);
            self.gauge(protocol, kind);
        }
    }

    /// Leaving began. Idempotent.
    pub fn signal(&mut self) {
        self.signalled = true;
    }

    /// The request ended. Returns its outcome, or `None` if it is not open: an end counts once.
    pub fn end(&mut self, id: u64, end: End) -> Option<Outcome> {
        let open = self.open.remove(&id)?;
        let outcome = end.outcome(open.after_signal, self.signalled);
        self.ledger.add_ended(open.protocol, open.kind, outcome, 1);
        self.gauge(open.protocol, open.kind);
        Some(outcome)
    }

    /// The totals.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn gauge(&mut self, protocol: Protocol, kind: Kind) {
        let count = self.open.values().filter(|open| open.protocol == protocol && open.kind == kind).count();
        self.ledger.set_in_flight(protocol, kind, count as u64);
    }
}
