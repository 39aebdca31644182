//! What the operator decided: the input of the machine, in plain types.

use lameduck_support::closed_set;
use std::time::Duration;

/// How the exit is planned (`drain.*` of the configuration). Defaults are the contract's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How long LameDuck lasts.
    pub strategy: Strategy,
    /// The plain wait, and what the adaptive strategies fall back to.
    pub delay: Duration,
    /// Least wait of `quiet`, and of `observe` after the deregistration.
    pub floor: Duration,
    /// Most that an adaptive strategy waits.
    pub delay_max: Duration,
    /// Bound of Draining.
    pub timeout: Timeout,
    /// What /readyz says during LameDuck.
    pub readiness: ReadinessPolicy,
    /// From the kubelet's point of view: the time between the order to stop and SIGKILL.
    pub grace_period: Duration,
    /// What a preStop hook takes of it before the signal comes.
    pub pre_stop: Duration,
    /// Bound of Releasing.
    pub release: Duration,
    /// Bound of Flushing.
    pub flush: Duration,
    /// Kept back, so that the process ends before SIGKILL.
    pub margin: Duration,
    /// Bound of Starting.
    pub readiness_timeout: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            strategy: Strategy::Observe,
            delay: seconds(5),
            floor: seconds(2),
            delay_max: seconds(10),
            timeout: Timeout::Auto,
            readiness: ReadinessPolicy::Fail,
            grace_period: seconds(30),
            pre_stop: Duration::ZERO,
            release: seconds(3),
            flush: seconds(2),
            margin: seconds(1),
            readiness_timeout: seconds(30),
        }
    }
}

closed_set! {
    /// How long LameDuck lasts.
    Strategy {
        /// Not at all.
        Immediate = "immediate",
        /// Exactly `delay`.
        Delay = "delay",
        /// Until no new connection comes any more.
        Quiet = "quiet",
        /// Until the cluster has taken this pod out of its Services.
        Observe = "observe",
    }
}

closed_set! {
    /// What /readyz says during LameDuck.
    ReadinessPolicy {
        /// 503 at once.
        Fail = "fail",
        /// 200 to the end of LameDuck.
        Hold = "hold",
        /// Hold for the last serving endpoint of a Service, else fail.
        Auto = "auto",
    }
}

/// Bound of Draining.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// What is left of the deadline after the later shares.
    Auto,
    /// This long, and never beyond [`Timeout::Auto`].
    After(Duration),
    /// No deadline of our own: SIGKILL is the only bound.
    None,
}
