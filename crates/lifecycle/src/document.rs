//! The versioned /drain document: what a person, a drill or a termination message is told.

mod compact;

pub use compact::COMPACT_BYTES_MAX;

use crate::exit::Exit;
use crate::jobs::Jobs;
use crate::ledger::Ledger;
use crate::phase::{Leaving, Phase, PhaseSeconds, Readiness};
use crate::plan::Plan;
use crate::snapshot::{Connections, Snapshot, Straggler};
use crate::vocabulary::PhaseName;
use crate::wait::WaitEnd;
use lameduck_support::duration::millis;
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
    pub waits: Vec<Waiting>,
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
pub struct Waiting {
    /// In words.
    #[serde(rename = "for")]
    pub what: String,
    /// Time until the wait ends if nothing more happens. `null`: no bound.
    pub at_most_ms: Option<u64>,
}

impl Document {
    /// The document of a snapshot; `wake_at` is [`Machine::wake_at`](crate::Machine::wake_at).
    pub fn new(snapshot: &Snapshot, plan: &Plan, wake_at: Option<Duration>) -> Self {
        let leaving = snapshot.phase.leaving();
        let exited = matches!(snapshot.phase, Phase::Exited(_));
        Self {
            version: DOCUMENT_VERSION,
            phase: snapshot.phase.name(),
            since_ms: millis(snapshot.at.saturating_sub(snapshot.phase.since())),
            was_ready: leaving.map_or(matches!(snapshot.phase, Phase::Ready { .. }), |leaving| leaving.was_ready),
            ready: snapshot.readiness == Readiness::Ready,
            cause: leaving.map(|leaving| leaving.cause.to_string()),
            deadline_in_ms: leaving
                .and_then(|leaving| leaving.deadline)
                .map(|deadline| signed_millis(deadline) - signed_millis(snapshot.at)),
            waits: waits(snapshot, plan, wake_at),
            wait_end: leaving.and_then(|leaving| leaving.wait_end),
            deregistered_after_ms: after_the_signal(leaving, |leaving| leaving.deregistered_at),
            last_connection_after_ms: after_the_signal(leaving, |leaving| leaving.last_arrival_at),
            phases: leaving.map(|leaving| leaving.took.clone()).unwrap_or_default(),
            cut: leaving.map(|leaving| leaving.cut.clone()).unwrap_or_default(),
            failures: leaving.map(|leaving| leaving.failures.clone()).unwrap_or_default(),
            ledger_sentence: snapshot.ledger.sentence(),
            ledger_error: snapshot.ledger.check().err().filter(|_| exited).map(|error| error.to_string()),
            ledger: snapshot.ledger.clone(),
            jobs: snapshot.jobs.clone(),
            connections: snapshot.connections.clone(),
            stragglers: snapshot.stragglers.clone(),
            exit_code: leaving
                .filter(|_| exited)
                .map(|leaving| Exit::of(leaving, &snapshot.ledger, &snapshot.jobs).code()),
        }
    }
}

fn waits(snapshot: &Snapshot, plan: &Plan, wake_at: Option<Duration>) -> Vec<Waiting> {
    let at_most_ms = wake_at.map(|at| millis(at.saturating_sub(snapshot.at)));
    let waiting = |what: String| vec![Waiting { what, at_most_ms }];
    match &snapshot.phase {
        Phase::Starting(startup) if startup.shut.is_empty() => waiting("start-up".to_owned()),
        Phase::Starting(startup) => {
            startup.shut.iter().map(|gate| Waiting { what: format!("gate {gate}"), at_most_ms }).collect()
        }
        Phase::Ready { .. } | Phase::Exited(_) => Vec::new(),
        Phase::LameDuck { wait, .. } => waiting(wait.describe(plan).to_owned()),
        Phase::Draining(_) => waiting(format!(
            "{} requests in flight on {} connections",
            snapshot.ledger.in_flight(),
            snapshot.connections.open()
        )),
        Phase::Releasing(_) => waiting("everything to be given back".to_owned()),
        Phase::Flushing(_) => waiting("report and telemetry".to_owned()),
    }
}

fn after_the_signal(leaving: Option<&Leaving>, at: impl Fn(&Leaving) -> Option<Duration>) -> Option<u64> {
    leaving.and_then(|leaving| at(leaving).map(|at| millis(at.saturating_sub(leaving.began))))
}

fn signed_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
