//! What everybody outside may know, in one value: policy and inventory together, so that no reader sees one without the other.

use crate::jobs::Jobs;
use crate::ledger::Ledger;
use crate::phase::{Phase, Readiness};
use crate::vocabulary::{CloseReason, ConnectionState, Kind, Protocol};
use serde::Serialize;
use std::time::Duration;

/// The state of the process at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// When, since the start of the process.
    pub at: Duration,
    /// The phase with its evidence.
    pub phase: Phase,
    /// What /readyz answers.
    pub readiness: Readiness,
    /// Requests.
    pub ledger: Ledger,
    /// Jobs.
    pub jobs: Jobs,
    /// Connections.
    pub connections: Connections,
    /// Who is left, oldest first, bounded. Filled only while leaving.
    pub stragglers: Vec<Straggler>,
}

const PROTOCOLS: usize = Protocol::ALL.len();
const STATES: usize = ConnectionState::ALL.len();
const REASONS: usize = CloseReason::ALL.len();

/// Connections by protocol and state, and the closed ones by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    open: [[u64; STATES]; PROTOCOLS],
    closed: [[u64; REASONS]; PROTOCOLS],
}

impl Connections {
    /// Open connections of one protocol and state.
    pub fn open_by(&self, protocol: Protocol, state: ConnectionState) -> u64 {
        self.open[protocol.index()][state.index()]
    }

    /// Open connections in one state.
    pub fn in_state(&self, state: ConnectionState) -> u64 {
        self.open.iter().map(|states| states[state.index()]).sum()
    }

    /// All open connections.
    pub fn open(&self) -> u64 {
        self.open.iter().flatten().sum()
    }

    /// Closed connections of one protocol by reason.
    pub fn closed_by(&self, protocol: Protocol, reason: CloseReason) -> u64 {
        self.closed[protocol.index()][reason.index()]
    }

    /// Closed connections by reason.
    pub fn closed_for(&self, reason: CloseReason) -> u64 {
        self.closed.iter().map(|reasons| reasons[reason.index()]).sum()
    }

    /// Adds open connections of one kind.
    pub fn add_open(&mut self, protocol: Protocol, state: ConnectionState, count: u64) {
        self.open[protocol.index()][state.index()] += count;
    }

    /// Adds closed connections of one kind.
    pub fn add_closed(&mut self, protocol: Protocol, reason: CloseReason, count: u64) {
        self.closed[protocol.index()][reason.index()] += count;
    }
}

/// `{open, new, active, idle, closing, closed: {reason: count}}`, reasons that never happened left out.
impl Serialize for Connections {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut out = serializer.serialize_struct("Connections", 2 + STATES)?;
        out.serialize_field("open", &self.open())?;
        for state in ConnectionState::ALL {
            out.serialize_field(state.as_str(), &self.in_state(state))?;
        }
        let closed: std::collections::BTreeMap<&str, u64> = CloseReason::ALL
            .into_iter()
            .map(|reason| (reason.as_str(), self.closed_for(reason)))
            .filter(|(_, count)| *count > 0)
            .collect();
        out.serialize_field("closed", &closed)?;
        out.end()
    }
}

/// Somebody who is left: a connection, a request, a worker, something to release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Straggler {
    /// `connection`, `request`, `worker`, `release`, `job`.
    pub what: &'static str,
    /// Its name: `#17 10.1.2.3:4567`, `GET /bench/slow`, a worker's or dependency's name.
    pub name: String,
    /// The protocol, for connections and requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// The kind, for requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// How old.
    pub age_ms: u64,
    /// What it waits for, in words: "handler has not answered", "peer does not read (65536 bytes unsent)".
    pub waits_for: String,
}
