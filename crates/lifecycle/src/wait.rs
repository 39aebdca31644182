//! How long LameDuck lasts: what is waited for, given all that is known so far.

use crate::event::ClusterFact;
use crate::plan::{Plan, ReadinessPolicy, Strategy};
use crate::vocabulary::WaitingFor;
use lameduck_support::closed_set;
use std::time::Duration;

/// `observe`: after the deregistration, the wait goes on until no new connection has come for this long.
const QUIET_AFTER_DEREGISTRATION: Duration = Duration::from_millis(500);
/// `quiet`: least silence that counts, however dense the arrivals were: proxies work in batches.
const QUIET_LEAST: Duration = Duration::from_millis(500);
/// `quiet`: chance of taking a gap in ordinary traffic for its end. For Poisson arrivals at rate L a gap of q has
/// probability e^(-L q), so q = ln(1/chance)/L.
const QUIET_BY_CHANCE: f64 = 1e-6;
/// `readiness: auto`: how long /readyz waits for facts before it fails.
const READINESS_FACTS_WITHIN: Duration = Duration::from_secs(1);

closed_set! {
    /// How LameDuck ended.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    WaitEnd {
        /// There was none: `immediate`, or a person at a terminal.
        Skipped = "skipped",
        /// `delay` passed.
        Delay = "delay",
        /// No new connection came any more.
        Quiet = "quiet",
        /// The cluster let go of this pod, the floor passed, and no new connection came any more.
        Observed = "observed",
        /// `quiet` had too little traffic to tell: `delay` passed.
        TooLittleTraffic = "too_little_traffic",
        /// The API did not answer in time: `delay` passed.
        NoAnswer = "no_answer",
        /// The API refused: `delay` passed.
        Forbidden = "forbidden",
        /// There is no cluster: `delay` passed.
        NoCluster = "no_cluster",
        /// `delay_max` passed.
        Ceiling = "ceiling",
        /// The deadline left no more.
        Deadline = "deadline",
        /// A person did not want to wait.
        Interrupted = "interrupted",
    }
}

impl WaitEnd {
    /// Whether an adaptive strategy had to fall back to the plain delay.
    pub fn is_fallback(self) -> bool {
        matches!(self, Self::TooLittleTraffic | Self::NoAnswer | Self::Forbidden | Self::NoCluster)
    }
}

/// What LameDuck knows. Every question is answered from all facts so far, so their order does not matter.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    began: Duration,
    arrival_rate: Option<f64>,
    last_arrival: Option<Duration>,
    cluster: Cluster,
    readiness: ReadinessHeld,
}

/// What the cluster said last that counts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cluster {
    NoAnswer,
    Absent,
    Forbidden,
    Registered { last_serving: bool },
    Deregistered { at: Duration, last_serving: bool },
}

/// Hold may turn into fail, never back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadinessHeld {
    Held,
    Failed,
}

impl Wait {
    /// A wait that begins now.
    pub(crate) fn new(plan: &Plan, began: Duration, arrival_rate: Option<f64>) -> Self {
        let readiness = match plan.readiness {
            ReadinessPolicy::Fail => ReadinessHeld::Failed,
            ReadinessPolicy::Hold | ReadinessPolicy::Auto => ReadinessHeld::Held,
        };
        Self { began, arrival_rate, last_arrival: None, cluster: Cluster::NoAnswer, readiness }
    }

    pub(crate) fn arrived(&mut self, now: Duration) {
        self.last_arrival = Some(now);
    }

    pub(crate) fn arrival_rate(&mut self, per_second: f64) {
        self.arrival_rate = Some(per_second);
    }

    pub(crate) fn cluster(&mut self, now: Duration, fact: &ClusterFact) {
        self.cluster = match (fact, self.cluster) {
            // A complete answer outlives every error after it: an error never means "gone".
            (ClusterFact::Endpoints { registered: false, last_serving }, Cluster::Deregistered { at, .. }) => {
                Cluster::Deregistered { at, last_serving: *last_serving }
            }
            (ClusterFact::Endpoints { registered: false, last_serving }, _) => {
                Cluster::Deregistered { at: now, last_serving: *last_serving }
            }
            (ClusterFact::Endpoints { registered: true, last_serving }, _) => {
                Cluster::Registered { last_serving: *last_serving }
            }
            (ClusterFact::Absent, Cluster::NoAnswer) => Cluster::Absent,
            (ClusterFact::Forbidden, Cluster::NoAnswer) => Cluster::Forbidden,
            (
                ClusterFact::Absent | ClusterFact::Forbidden | ClusterFact::Unreachable | ClusterFact::Deletion { .. },
                known,
            ) => known,
        };
    }

    /// When the cluster let go of this pod, if it did.
    pub fn deregistered_at(&self) -> Option<Duration> {
        match self.cluster {
            Cluster::Deregistered { at, .. } => Some(at),
            Cluster::NoAnswer | Cluster::Absent | Cluster::Forbidden | Cluster::Registered { .. } => None,
        }
    }

    /// When the wait is over if nothing more happens, and how that will be called.
    pub fn ends_at(&self, plan: &Plan) -> (Duration, WaitEnd) {
        let delay = self.began + plan.delay;
        match plan.strategy {
            Strategy::Immediate => (self.began, WaitEnd::Skipped),
            Strategy::Delay => (delay, WaitEnd::Delay),
            Strategy::Quiet => match self.quiet_for().filter(|quiet| *quiet <= plan.delay_max) {
                None => (delay, WaitEnd::TooLittleTraffic),
                Some(quiet) => self.adaptive(plan, self.began + plan.floor, quiet, WaitEnd::Quiet),
            },
            Strategy::Observe => match self.cluster {
                Cluster::NoAnswer => (delay, WaitEnd::NoAnswer),
                Cluster::Absent => (delay, WaitEnd::NoCluster),
                Cluster::Forbidden => (delay, WaitEnd::Forbidden),
                Cluster::Registered { .. } => (self.began + plan.delay_max, WaitEnd::Ceiling),
                Cluster::Deregistered { at, .. } => {
                    self.adaptive(plan, at + plan.floor, QUIET_AFTER_DEREGISTRATION, WaitEnd::Observed)
                }
            },
        }
    }

    /// Not before `least`, not within `quiet` of the last arrival, at most `delay_max`.
    fn adaptive(&self, plan: &Plan, least: Duration, quiet: Duration, end: WaitEnd) -> (Duration, WaitEnd) {
        let quiet_at = self.last_arrival.unwrap_or(self.began) + quiet;
        let (at, ceiling) = (least.max(quiet_at), self.began + plan.delay_max);
        if at <= ceiling { (at, end) } else { (ceiling, WaitEnd::Ceiling) }
    }

    /// The silence that means "no more", or `None` where the traffic says too little.
    fn quiet_for(&self) -> Option<Duration> {
        let rate = self.arrival_rate.filter(|rate| rate.is_finite() && *rate >= 0.5)?;
        Some(Duration::from_secs_f64(-QUIET_BY_CHANCE.ln() / rate).max(QUIET_LEAST))
    }

    /// Settles what /readyz says from now on.
    pub(crate) fn settle_readiness(&mut self, plan: &Plan, now: Duration) {
        if plan.readiness != ReadinessPolicy::Auto || self.readiness == ReadinessHeld::Failed {
            return;
        }
        let hold = match self.cluster {
            Cluster::NoAnswer => now < self.began + READINESS_FACTS_WITHIN,
            Cluster::Absent | Cluster::Forbidden => false,
            Cluster::Registered { last_serving } | Cluster::Deregistered { last_serving, .. } => last_serving,
        };
        if !hold {
            self.readiness = ReadinessHeld::Failed;
        }
    }

    /// Whether /readyz still says 200.
    pub fn holds_readiness(&self) -> bool {
        self.readiness == ReadinessHeld::Held
    }

    /// When [`Self::settle_readiness`] may change its mind by time alone.
    pub(crate) fn readiness_settles_at(&self, plan: &Plan) -> Option<Duration> {
        let open = plan.readiness == ReadinessPolicy::Auto && self.holds_readiness();
        (open && self.cluster == Cluster::NoAnswer).then_some(self.began + READINESS_FACTS_WITHIN)
    }

    /// What is waited for.
    pub fn waiting_for(&self, plan: &Plan) -> WaitingFor {
        match (plan.strategy, self.ends_at(plan).1) {
            (Strategy::Quiet, WaitEnd::Quiet | WaitEnd::Ceiling) => WaitingFor::Arrivals,
            (Strategy::Observe, WaitEnd::Observed) => WaitingFor::Floor,
            (Strategy::Observe, WaitEnd::Ceiling) if self.deregistered_at().is_some() => WaitingFor::Arrivals,
            (Strategy::Observe, WaitEnd::Ceiling) => WaitingFor::Deregistration,
            (Strategy::Observe, WaitEnd::NoAnswer) => WaitingFor::ClusterAnswer,
            _ => WaitingFor::Delay,
        }
    }
}
