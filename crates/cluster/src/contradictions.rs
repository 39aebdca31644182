//! Does the Pod agree with the plan? Pure.

use crate::pod::{PodFacts, PreStop};
use lameduck_lifecycle::{Plan, ReadinessPolicy, Strategy};
use lameduck_support::duration;
use std::time::Duration;

/// A place where the Pod's spec and the configuration do not fit each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// Kubernetes kills earlier than the plan believes.
    GraceShorter {
        /// `drain.grace_period`.
        planned: Duration,
        /// The Pod's.
        actual: Duration,
    },
    /// Kubernetes would give more time than the plan uses.
    GraceLonger {
        /// `drain.grace_period`.
        planned: Duration,
        /// The Pod's.
        actual: Duration,
    },
    /// The preStop hook takes more of the grace period than the plan leaves it.
    PreStopLonger {
        /// `drain.pre_stop`.
        planned: Duration,
        /// The hook's sleep.
        actual: Duration,
    },
    /// There is a preStop command, and the plan leaves it no time.
    PreStopUnplanned,
    /// Without a deletion (node shutdown, eviction, a failed liveness probe) the pod leaves its Services by failing
    /// readiness, and that is noticed too late.
    ReadinessNoticedLate {
        /// Probe period x failure threshold.
        noticed_within: Duration,
        /// `drain.floor`.
        floor: Duration,
        /// `drain.delay_max`, or `drain.delay` where the strategy is `delay`.
        most: Duration,
    },
    /// No readiness probe: without a deletion the pod never leaves its Services.
    NoReadinessProbe,
    /// A liveness or startup probe brings a grace period of its own, shorter than planned.
    ProbeGraceShorter {
        /// `drain.grace_period`.
        planned: Duration,
        /// The probe's.
        actual: Duration,
    },
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is lost, but something can be better.
    Hint,
    /// Requests can be lost.
    Warning,
}

impl Contradiction {
    /// A name for metrics and events, from a closed set.
    pub fn name(&self) -> &'static str {
        match self {
            Self::GraceShorter { .. } => "grace_shorter",
            Self::GraceLonger { .. } => "grace_longer",
            Self::PreStopLonger { .. } => "pre_stop_longer",
            Self::PreStopUnplanned => "pre_stop_unplanned",
            Self::ReadinessNoticedLate { .. } => "readiness_noticed_late",
            Self::NoReadinessProbe => "no_readiness_probe",
            Self::ProbeGraceShorter { .. } => "probe_grace_shorter",
        }
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::GraceLonger { .. } => Severity::Hint,
            Self::GraceShorter { .. }
            | Self::PreStopLonger { .. }
            | Self::PreStopUnplanned
            | Self::ReadinessNoticedLate { .. }
            | Self::NoReadinessProbe
            | Self::ProbeGraceShorter { .. } => Severity::Warning,
        }
    }
}

impl std::fmt::Display for Contradiction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::GraceShorter { planned, actual } => write!(
                f,
                "Kubernetes kills this pod {} after the order to stop, but drain.grace_period says {}: set both to the same \
                 value (the chart's drain.grace_period does)",
                duration::format(*actual),
                duration::format(*planned)
            ),
            Self::GraceLonger { planned, actual } => write!(
                f,
                "terminationGracePeriodSeconds gives {}, but drain.grace_period uses only {} of it",
                duration::format(*actual),
                duration::format(*planned)
            ),
            Self::PreStopLonger { planned, actual } => write!(
                f,
                "the preStop hook sleeps {0} of the grace period, but drain.pre_stop says {1}: set drain.pre_stop to {0}, or \
                 remove the hook",
                duration::format(*actual),
                duration::format(*planned)
            ),
            Self::PreStopUnplanned => f.write_str(
                "there is a preStop hook, but drain.pre_stop leaves it no time: set drain.pre_stop to the longest it takes, \
                 or remove the hook",
            ),
            Self::ReadinessNoticedLate { noticed_within, floor, most } => write!(
                f,
                "when the pod leaves without being deleted, its readiness probe takes {} to fail; with drain.floor {} that \
                 is more than the {} that it waits: shorten periodSeconds x failureThreshold, or raise drain.delay_max",
                duration::format(*noticed_within),
                duration::format(*floor),
                duration::format(*most)
            ),
            Self::NoReadinessProbe => f.write_str(
                "the container has no readiness probe: a pod that leaves without being deleted (node shutdown, a failed \
                 liveness probe) keeps getting new connections; add one on /readyz of the admin port",
            ),
            Self::ProbeGraceShorter { planned, actual } => write!(
                f,
                "a liveness or startup probe carries terminationGracePeriodSeconds {}, less than drain.grace_period {}: \
                 remove it there",
                duration::format(*actual),
                duration::format(*planned)
            ),
        }
    }
}

/// Everything that does not fit, worst first.
pub fn contradictions(pod: &PodFacts, plan: &Plan) -> Vec<Contradiction> {
    let mut found: Vec<_> = [grace(pod, plan), pre_stop(pod, plan), readiness(pod, plan), probe_grace(pod, plan)]
        .into_iter()
        .flatten()
        .collect();
    found.sort_by_key(|contradiction| std::cmp::Reverse(contradiction.severity()));
    found
}

fn grace(pod: &PodFacts, plan: &Plan) -> Option<Contradiction> {
    let (planned, actual) = (plan.grace_period, pod.grace_period);
    match actual.cmp(&planned) {
        std::cmp::Ordering::Less => Some(Contradiction::GraceShorter { planned, actual }),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(Contradiction::GraceLonger { planned, actual }),
    }
}

fn pre_stop(pod: &PodFacts, plan: &Plan) -> Option<Contradiction> {
    let planned = plan.pre_stop;
    match pod.pre_stop {
        PreStop::Sleep(actual) if actual > planned => Some(Contradiction::PreStopLonger { planned, actual }),
        PreStop::Unknown if planned.is_zero() => Some(Contradiction::PreStopUnplanned),
        PreStop::None | PreStop::Sleep(_) | PreStop::Unknown => None,
    }
}

fn readiness(pod: &PodFacts, plan: &Plan) -> Option<Contradiction> {
    pod.container.as_ref()?;
    let (floor, most) = match plan.strategy {
        Strategy::Immediate => return None,
        Strategy::Delay => (Duration::ZERO, plan.delay),
        Strategy::Quiet | Strategy::Observe => (plan.floor, plan.delay_max),
    };
    if plan.readiness == ReadinessPolicy::Hold {
        return None;
    }
    let Some(probe) = pod.readiness else { return Some(Contradiction::NoReadinessProbe) };
    let noticed_within = probe.notices_within();
    (noticed_within + floor > most).then_some(Contradiction::ReadinessNoticedLate { noticed_within, floor, most })
}

fn probe_grace(pod: &PodFacts, plan: &Plan) -> Option<Contradiction> {
    let (planned, actual) = (plan.grace_period, pod.probe_grace_period?);
    (actual < planned).then_some(Contradiction::ProbeGraceShorter { planned, actual })
}

#[cfg(test)]
mod tests;
