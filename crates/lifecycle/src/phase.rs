//! The phases with their evidence: a phase can only be reached by handing over what the earlier ones found out.

use crate::event::Cause;
use crate::vocabulary::{PhaseName, Stage};
use crate::wait::{Wait, WaitEnd};
use std::collections::BTreeMap;
use std::time::Duration;

/// Where the process is in its life. One way only: the order of [`PhaseName::ALL`].
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Stages run. Left by all gates open, a failure, lateness, or a signal.
    Starting(Startup),
    /// Serving. Left by a signal, a call, or a part that failed.
    Ready {
        /// When.
        since: Duration,
        /// How start-up went.
        startup: Startup,
        /// Required dependencies that do not answer: /readyz says 503 while there are any.
        unhealthy: Vec<String>,
    },
    /// Serving and telling clients to leave. Left when the wait is over.
    LameDuck {
        /// What leaving is about.
        leaving: Leaving,
        /// What is waited for.
        wait: Wait,
    },
    /// Finishing what is in flight. Left by an empty table, or the bound.
    Draining(Leaving),
    /// Giving back what was acquired. Left when all is, or the bound.
    Releasing(Leaving),
    /// Report and telemetry. Left when out, or the bound.
    Flushing(Leaving),
    /// The end: the leaving is the report.
    Exited(Leaving),
}

impl Phase {
    /// Its name.
    pub fn name(&self) -> PhaseName {
        match self {
            Self::Starting(_) => PhaseName::Starting,
            Self::Ready { .. } => PhaseName::Ready,
            Self::LameDuck { .. } => PhaseName::LameDuck,
            Self::Draining(_) => PhaseName::Draining,
            Self::Releasing(_) => PhaseName::Releasing,
            Self::Flushing(_) => PhaseName::Flushing,
            Self::Exited(_) => PhaseName::Exited,
        }
    }

    /// Since when.
    pub fn since(&self) -> Duration {
        match self {
            Self::Starting(_) => Duration::ZERO,
            Self::Ready { since, .. } => *since,
            Self::LameDuck { leaving, .. } => leaving.began,
            Self::Draining(leaving) | Self::Releasing(leaving) | Self::Flushing(leaving) | Self::Exited(leaving) => {
                leaving.phase_since
            }
        }
    }

    /// How start-up is going, or went.
    pub fn startup(&self) -> &Startup {
        match self {
            Self::Starting(startup) | Self::Ready { startup, .. } => startup,
            Self::LameDuck { leaving, .. }
            | Self::Draining(leaving)
            | Self::Releasing(leaving)
            | Self::Flushing(leaving)
            | Self::Exited(leaving) => &leaving.startup,
        }
    }

    /// What is known about leaving, once it has begun.
    pub fn leaving(&self) -> Option<&Leaving> {
        match self {
            Self::Starting(_) | Self::Ready { .. } => None,
            Self::LameDuck { leaving, .. }
            | Self::Draining(leaving)
            | Self::Releasing(leaving)
            | Self::Flushing(leaving)
            | Self::Exited(leaving) => Some(leaving),
        }
    }
}

/// How start-up is going, or went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Startup {
    /// The stage that runs, and since when.
    pub stage: Option<(Stage, Duration)>,
    /// Finished stages with how long they took.
    pub finished: Vec<(Stage, Duration)>,
    /// Gates that are shut, in the order in which they were named.
    pub shut: Vec<String>,
    /// Why gates that are shut did not open at their last attempt.
    pub refused: BTreeMap<String, String>,
}

impl Startup {
    /// The shut gates, each with why it did not open, as far as that is known.
    pub fn shut_because(&self) -> String {
        let gates = self.shut.iter().map(|gate| match self.refused.get(gate) {
            Some(error) => format!("{gate} ({error})"),
            None => gate.clone(),
        });
        gates.collect::<Vec<_>>().join(", ")
    }
}

/// What leaving has found out so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaving {
    /// Why. The first cause stays.
    pub cause: Cause,
    /// When: "the signal" of the ledger.
    pub began: Duration,
    /// Whether the process had been ready.
    pub was_ready: bool,
    /// How start-up went, as far as it came.
    pub startup: Startup,
    /// The one deadline: when the process must have ended. `None` with `timeout: none`.
    pub deadline: Option<Duration>,
    /// Since when the current phase runs.
    pub phase_since: Duration,
    /// How LameDuck ended.
    pub wait_end: Option<WaitEnd>,
    /// When the last slice let go of this pod.
    pub deregistered_at: Option<Duration>,
    /// When the last new connection came.
    pub last_arrival_at: Option<Duration>,
    /// How long the finished phases took.
    pub took: Vec<PhaseSeconds>,
    /// Phases that were cut instead of finishing.
    pub cut: Vec<PhaseName>,
    /// Parts that failed, in words, the first ones: the exit code must say so.
    pub failures: Vec<String>,
    /// Further SIGTERMs: they change nothing.
    pub terminates_again: u32,
    /// Ctrl-C's.
    pub interrupts: u32,
}

/// How long a phase took.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PhaseSeconds {
    /// Which.
    pub phase: PhaseName,
    /// How long.
    pub seconds: f64,
}

/// What /readyz answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// 200.
    Ready,
    /// 503, with the reason in words.
    NotReady(String),
}
