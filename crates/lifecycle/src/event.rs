//! What can happen to a process.

use crate::vocabulary::Stage;
use lameduck_support::closed_set;
use std::time::Duration;

/// A fact from outside. Facts may come late, twice, or in any order: the machine is level-triggered.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A stage of start-up began.
    StageBegan(Stage),
    /// A named gate of the current stage: shut until opened.
    GateShut(String),
    /// An attempt to open a gate failed; another follows.
    GateRefused {
        /// Which.
        gate: String,
        /// Why.
        error: String,
    },
    /// A gate opened.
    GateOpened(String),
    /// Every stage is done: the service may serve.
    Started,
    /// A stage or gate of start-up failed.
    StartFailed {
        /// Which gate.
        gate: String,
        /// Why, as the person who starts it should read it.
        error: String,
    },
    /// A signal arrived.
    Signal(Signal),
    /// Somebody called `POST /drain`, or the service asked to leave.
    LeaveAsked,
    /// The service asked to end at once: what is in flight is cut.
    CloseAsked,
    /// A part that the service cannot live without ended or failed.
    PartFailed {
        /// Its name.
        part: String,
        /// Why.
        error: String,
    },
    /// A required dependency changed (after its own hysteresis).
    DependencyHealth {
        /// Its name.
        name: String,
        /// Whether it answers.
        healthy: bool,
    },
    /// New connections a second before leaving, as far as they say anything.
    ArrivalRate(f64),
    /// A new connection came while leaving.
    ConnectionArrived,
    /// What the cluster says.
    Cluster(ClusterFact),
    /// The listener is closed and the connection table is empty.
    Drained,
    /// Everything that start-up acquired was given back.
    Released,
    /// Report and telemetry are out.
    Flushed,
    /// Time passed: [`Machine::wake_at`](crate::Machine::wake_at) came.
    Tick,
}

/// Signals, by what they mean and not by what an operating system calls them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM; Windows: close, log-off, shutdown. The whole sequence; again: nothing.
    Terminate,
    /// SIGINT, Ctrl-C: a person at a terminal. One step further each time.
    Interrupt,
}

/// What the cluster says about this pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterFact {
    /// There is no cluster to ask.
    Absent,
    /// The API refused (403): asking on is useless.
    Forbidden,
    /// An attempt failed; another follows. Never means "gone".
    Unreachable,
    /// A complete answer about the endpoint slices.
    Endpoints {
        /// Some slice still sends new connections here (named, ready, not terminating).
        registered: bool,
        /// In some Service no other endpoint is serving.
        last_serving: bool,
    },
    /// The pod is being deleted with this grace (a later delete may only shorten it).
    Deletion {
        /// Whole grace period, from the order to stop.
        grace_period: Duration,
    },
}

closed_set! {
    /// The kinds of [`Cause`]: the words that programs may rely on.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    CauseKind {
        /// SIGTERM or its like.
        Terminate = "terminate",
        /// Ctrl-C.
        Interrupt = "interrupt",
        /// `POST /drain` or the service itself.
        Requested = "requested",
        /// A part failed.
        PartFailed = "part_failed",
        /// Start-up failed or was late.
        StartFailed = "start_failed",
    }
}

/// Why the process leaves. The first cause stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// SIGTERM or its like.
    Terminate,
    /// Ctrl-C.
    Interrupt,
    /// `POST /drain` or the service itself.
    Requested,
    /// A part failed: exit code 1.
    PartFailed {
        /// Its name.
        part: String,
        /// Why.
        error: String,
    },
    /// Start-up failed or was late: exit code 1.
    StartFailed {
        /// The gate or stage.
        gate: String,
        /// Why.
        error: String,
    },
}

impl Cause {
    /// Its kind.
    pub fn kind(&self) -> CauseKind {
        match self {
            Self::Terminate => CauseKind::Terminate,
            Self::Interrupt => CauseKind::Interrupt,
            Self::Requested => CauseKind::Requested,
            Self::PartFailed { .. } => CauseKind::PartFailed,
            Self::StartFailed { .. } => CauseKind::StartFailed,
        }
    }

    /// Whether the exit code must say that something failed.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::PartFailed { .. } | Self::StartFailed { .. })
    }
}

/// For people: the words may change at any time. Programs read [`Cause::kind`].
impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Terminate => f.write_str("termination signal"),
            Self::Interrupt => f.write_str("interrupt"),
            Self::Requested => f.write_str("drain requested"),
            Self::PartFailed { part, error } => write!(f, "part `{part}` failed: {error}"),
            Self::StartFailed { gate, error } => write!(f, "start-up failed at `{gate}`: {error}"),
        }
    }
}
