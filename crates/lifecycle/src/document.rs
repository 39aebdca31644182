//! The versioned /drain document: what a person, a drill or a termination message is told.

mod compact;

pub use compact::COMPACT_BYTES_MAX;

use crate::jobs::Jobs;
use crate::ledger::Ledger;
use crate::phase::{Departure, Phase, PhaseSeconds, Readiness};
use crate::plan::Plan;
use crate::report::Exit;
use crate::snapshot::{Connections, Snapshot, Straggler};
use crate::vocabulary::PhaseName;
use crate::wait::WaitEnd;
use serde::Serialize;
use std::time::Duration;

/// Version of the document: raised when a key changes its meaning or goes; new keys do not raise it.
pub const DOCUMENT_VERSION: u32 = 1;

/// The state of the process as JSON. Durations in milliseconds unless the name says seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Document {
    /// [`DOCUMENT_VERSION`].
    pub version: u32,
    /// The phase.
    pub phase: PhaseName,
    /// How long the phase has run.
    pub since_ms: u64,
    /// Whether it had served.
    pub was_ready: bool,
    /// Whether /readyz says 200.
    pub ready: bool,
    /// Why it leaves, in words.
    pub cause: Option<String>,
    /// Time until the one deadline; negative: passed. `null`: not leaving, or none.
    pub deadline_in_ms: Option<i64>,
    /// What the current phase waits for.
    pub waits: Vec<Wanted>,
    /// How LameDuck ended.
    pub wait_end: Option<WaitEnd>,
    /// From the signal to the moment when the last slice let go of this pod.
    pub deregistered_after_ms: Option<u64>,
    /// From the signal to the last new connection; `null`: none came after it.
    pub last_connection_after_ms: Option<u64>,
    /// How long the finished phases took.
    pub phases: Vec<PhaseSeconds>,
    /// Phases that were cut.
    pub cut: Vec<PhaseName>,
    /// Parts that failed.
    pub failures: Vec<String>,
    /// Requests.
    pub ledger: Ledger,
    /// The ledger in a sentence.
    pub ledger_sentence: String,
    /// Set if the ledger does not add up at the end: a defect of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger_error: Option<String>,
    /// Jobs.
    pub jobs: Jobs,
    /// Connections.
    pub connections: Connections,
    /// Who is left.
    pub stragglers: Vec<Straggler>,
    /// The exit code, once it is known.
    pub exit_code: Option<u8>,
}

/// Something that is waited for, and until when at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wanted {
    /// In words.
    #[serde(rename = "for")]
    pub what: String,
    /// Time until the wait ends if nothing more happens. `null`: no bound.
    pub at_most_ms: Option<u64>,
}

impl Document {
    /// The document of a snapshot; `wake_at` is [`Machine::wake_at`](crate::Machine::wake_at).
    pub fn new(snapshot: &Snapshot, plan: &Plan, wake_at: Option<Duration>) -> Self {
        let departure = snapshot.phase.departure();
        let exited = matches!(snapshot.phase, Phase::Exited(_));
        Self {
            version: DOCUMENT_VERSION,
            phase: snapshot.phase.name(),
            since_ms: millis(snapshot.at.saturating_sub(snapshot.phase.since())),
            was_ready: departure.map_or(matches!(snapshot.phase, Phase::Ready { .. }), |departure| departure.was_ready),
            ready: snapshot.readiness == Readiness::Ready,
            cause: departure.map(|departure| departure.cause.to_string()),
            deadline_in_ms: departure
                .and_then(|departure| departure.deadline)
                .map(|deadline| signed_millis(deadline) - signed_millis(snapshot.at)),
            waits: waits(snapshot, plan, wake_at),
            wait_end: departure.and_then(|departure| departure.wait_end),
            deregistered_after_ms: after_the_signal(departure, |departure| departure.deregistered_at),
            last_connection_after_ms: after_the_signal(departure, |departure| departure.last_arrival_at),
            phases: departure.map(|departure| departure.took.clone()).unwrap_or_default(),
            cut: departure.map(|departure| departure.cut.clone()).unwrap_or_default(),
            failures: departure.map(|departure| departure.failures.clone()).unwrap_or_default(),
            ledger_sentence: snapshot.ledger.sentence(),
            ledger_error: snapshot.ledger.check().err().filter(|_| exited).map(|error| error.to_string()),
            ledger: snapshot.ledger.clone(),
            jobs: snapshot.jobs.clone(),
            connections: snapshot.connections.clone(),
            stragglers: snapshot.stragglers.clone(),
            exit_code: departure
                .filter(|_| exited)
                .map(|departure| Exit::of(departure, &snapshot.ledger, &snapshot.jobs).code()),
        }
    }
}

fn waits(snapshot: &Snapshot, plan: &Plan, wake_at: Option<Duration>) -> Vec<Wanted> {
    let at_most_ms = wake_at.map(|at| millis(at.saturating_sub(snapshot.at)));
    let wanted = |what: String| vec![Wanted { what, at_most_ms }];
    match &snapshot.phase {
        Phase::Starting(startup) if startup.shut.is_empty() => wanted("start-up".to_owned()),
        Phase::Starting(startup) => {
            startup.shut.iter().map(|gate| Wanted { what: format!("gate {gate}"), at_most_ms }).collect()
        }
        Phase::Ready { .. } | Phase::Exited(_) => Vec::new(),
        Phase::LameDuck { wait, .. } => wanted(wait.describe(plan).to_owned()),
        Phase::Draining(_) => wanted(format!(
            "{} requests in flight on {} connections",
            snapshot.ledger.in_flight(),
            snapshot.connections.open()
        )),
        Phase::Releasing(_) => wanted("everything to be given back".to_owned()),
        Phase::Flushing(_) => wanted("report and telemetry".to_owned()),
    }
}

fn after_the_signal(departure: Option<&Departure>, at: impl Fn(&Departure) -> Option<Duration>) -> Option<u64> {
    departure.and_then(|departure| at(departure).map(|at| millis(at.saturating_sub(departure.began))))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn signed_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
