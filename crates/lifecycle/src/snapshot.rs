//! What everybody outside may know, in one value: policy and inventory together, so that no reader sees one without the
//! other.

use crate::jobs::Jobs;
use crate::ledger::Ledger;
use crate::phase::{Phase, Readiness};
use crate::vocabulary::{CloseReason, ConnectionState, Kind, Protocol};
use lameduck_support::closed_set;
use lameduck_support::duration::millis;
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

closed_set! {
    /// What can be left while the process leaves.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    StragglerKind {
        /// A connection without a request in flight.
        Connection = "connection",
        /// A request in flight.
        Request = "request",
        /// A worker that has not ended.
        Worker = "worker",
        /// A dependency that is being released.
        Release = "release",
        /// A job that has not ended.
        Job = "job",
    }
}

closed_set! {
    /// What a straggler waits for: the words that programs may rely on.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    WaitsFor {
        /// Request: the handler has not answered.
        Handler = "handler",
        /// Request: the response body has no end yet.
        ResponseBody = "response_body",
        /// Request or connection: the client does not read what was written.
        ClientRead = "client_read",
        /// Request: the upgraded connection is open.
        Upgraded = "upgraded",
        /// Connection: the client has sent nothing.
        FirstByte = "first_byte",
        /// Connection: the HTTP/2 preface is not finished.
        Preface = "preface",
        /// Connection: the head of a request is not finished.
        RequestHead = "request_head",
        /// Connection: idle, held for its next request.
        NextRequest = "next_request",
        /// Connection: the client has not answered GOAWAY.
        GoAway = "go_away",
        /// Connection: the client has not closed its side.
        ClientClose = "client_close",
        /// Worker: its turn to end has not come.
        Turn = "turn",
        /// Worker: it finishes its work.
        Work = "work",
        /// Release: the dependency has not returned.
        Release = "release",
        /// Job: its worker.
        Worker = "worker",
    }
}

impl WaitsFor {
    /// For people: the words may change at any time.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Handler => "the handler has not answered",
            Self::ResponseBody => "the response body has no end yet",
            Self::ClientRead => "the client does not read",
            Self::Upgraded => "the upgraded connection is open",
            Self::FirstByte => "the client has sent nothing",
            Self::Preface => "the client has not finished its HTTP/2 preface",
            Self::RequestHead => "the request head is not finished",
            Self::NextRequest => "idle: held for its next request",
            Self::GoAway => "the client has not answered GOAWAY",
            Self::ClientClose => "the client has not closed its side",
            Self::Turn => "its turn to end",
            Self::Work => "to finish its work",
            Self::Release => "its release to return",
            Self::Worker => "its worker",
        }
    }
}

/// What is left: a connection, a request, a worker, a dependency to release, a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Straggler {
    /// What it is.
    pub what: StragglerKind,
    /// Its name: `#17 10.1.2.3:4567`, `GET /bench/slow`, a worker's or dependency's name.
    pub name: String,
    /// The protocol, for connections and requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// The kind, for requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// How old, in milliseconds.
    pub age_ms: u64,
    /// What it waits for.
    pub waits_for: WaitsFor,
    /// The same for people, with numbers where there are any. May change at any time.
    pub text: String,
    /// `x-request-id`, for requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The trace that the client of a request was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

impl Straggler {
    /// Of this name and age. What only connections and requests have is absent.
    pub fn new(what: StragglerKind, name: impl Into<String>, age: Duration, waits_for: WaitsFor) -> Self {
        Self {
            what,
            name: name.into(),
            protocol: None,
            kind: None,
            age_ms: millis(age),
            waits_for,
            text: waits_for.sentence().to_owned(),
            request_id: None,
            trace_id: None,
        }
    }
}
