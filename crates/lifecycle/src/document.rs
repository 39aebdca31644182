//! The versioned /drain document: the state of the process for people, programs and the termination message.
//!
//! Programs read words from closed sets (`cause.kind`, `waits[].for`, `stragglers[].waits_for`); the sentences next to
//! them are for people and may change at any time. `docs/report.schema.json` is generated from these types.

mod compact;

pub use compact::COMPACT_BYTES_MAX;

use crate::advice::Advice;
use crate::event::{Cause, CauseKind};
use crate::exit::Exit;
use crate::jobs::Jobs;
use crate::ledger::Ledger;
use crate::phase::{Leaving, Phase, PhaseSeconds, Readiness};
use crate::plan::Plan;
use crate::snapshot::{Connections, Snapshot, Straggler};
use crate::vocabulary::{PhaseName, WaitingFor};
use crate::wait::WaitEnd;
use lameduck_support::duration::millis;
use serde::Serialize;
use std::time::Duration;

/// Version of the document: raised when a key changes its meaning or goes; new keys do not raise it.
pub const DOCUMENT_VERSION: u32 = 2;

/// The state of the process as JSON. Durations in milliseconds unless the name says seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    /// Why it leaves. `null`: it does not.
    pub cause: Option<CauseReported>,
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
    /// What this exit says about the settings of the next. Only in the last word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<Advice>,
    /// The exit code, once it is known.
    pub exit_code: Option<u8>,
}

/// Why the process leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CauseReported {
    /// For programs.
    pub kind: CauseKind,
    /// For people. May change at any time.
    pub text: String,
}

/// Something that is waited for, and until when at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Waiting {
    /// For programs.
    #[serde(rename = "for")]
    pub what: WaitingFor,
    /// The name of the gate, where `for` is `gate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Open connections, where `for` is `connections`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// For people. May change at any time.
    pub text: String,
    /// Milliseconds until the wait ends if nothing more happens. `null`: no bound.
    pub at_most_ms: Option<u64>,
}

impl From<&Cause> for CauseReported {
    fn from(cause: &Cause) -> Self {
        Self { kind: cause.kind(), text: cause.to_string() }
    }
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
            cause: leaving.map(|leaving| CauseReported::from(&leaving.cause)),
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
            advice: None,
            exit_code: leaving
                .filter(|_| exited)
                .map(|leaving| Exit::of(leaving, &snapshot.ledger, &snapshot.jobs).code()),
        }
    }
}

fn waits(snapshot: &Snapshot, plan: &Plan, wake_at: Option<Duration>) -> Vec<Waiting> {
    let at_most_ms = wake_at.map(|at| millis(at.saturating_sub(snapshot.at)));
    let waiting = |what: WaitingFor, text: String| Waiting { what, name: None, count: None, text, at_most_ms };
    let one = |what: WaitingFor, text: &str| vec![waiting(what, text.to_owned())];
    match &snapshot.phase {
        Phase::Starting(startup) if startup.shut.is_empty() => one(WaitingFor::StartUp, "start-up"),
        Phase::Starting(startup) => {
            let gate = |gate: &String| Waiting {
                name: Some(gate.clone()),
                ..waiting(WaitingFor::Gate, format!("gate {gate}"))
            };
            startup.shut.iter().map(gate).collect()
        }
        Phase::Ready { .. } | Phase::Exited(_) => Vec::new(),
        Phase::LameDuck { wait, .. } => {
            let what = wait.waiting_for(plan);
            one(what, lame_duck_text(what))
        }
        Phase::Draining(_) => {
            let (in_flight, open) = (snapshot.ledger.in_flight(), snapshot.connections.open());
            let text = format!("{in_flight} requests in flight on {open} connections");
            vec![Waiting { count: Some(open), ..waiting(WaitingFor::Connections, text) }]
        }
        Phase::Releasing(_) => one(WaitingFor::Release, "workers and dependencies to be released"),
        Phase::Flushing(_) => one(WaitingFor::Flush, "report, traces and logs to be written"),
    }
}

fn lame_duck_text(what: WaitingFor) -> &'static str {
    match what {
        WaitingFor::Arrivals => "new connections to stop coming",
        WaitingFor::ClusterAnswer => "the first response about the endpoint slices",
        WaitingFor::Deregistration => "the endpoint slices to let go of this pod",
        WaitingFor::Floor => "the floor after the deregistration, and new connections to stop coming",
        WaitingFor::StartUp
        | WaitingFor::Gate
        | WaitingFor::Delay
        | WaitingFor::Connections
        | WaitingFor::Release
        | WaitingFor::Flush => "the delay to pass",
    }
}

fn after_the_signal(leaving: Option<&Leaving>, at: impl Fn(&Leaving) -> Option<Duration>) -> Option<u64> {
    leaving.and_then(|leaving| at(leaving).map(|at| millis(at.saturating_sub(leaving.began))))
}

fn signed_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;
