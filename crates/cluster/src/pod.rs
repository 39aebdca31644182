//! The own Pod, as far as leaving depends on it. Pure but for the one read.

use crate::connect::Cluster;
use crate::failure::Failure;
use crate::previous_exit::PreviousExit;
use k8s_openapi::api::core::v1::{Container, LifecycleHandler, Pod, Probe};
use std::time::Duration;

/// What Kubernetes will really do when it stops this Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodFacts {
    /// `terminationGracePeriodSeconds`.
    pub grace_period: Duration,
    /// The own container's preStop hook. `None` with [`Self::container`] unknown.
    pub pre_stop: PreStop,
    /// The own container's readiness probe.
    pub readiness: Option<ReadinessProbe>,
    /// The shortest grace period that a liveness or startup probe of the own container carries instead of the Pod's.
    pub probe_grace_period: Option<Duration>,
    /// The name of the own container, if it can be told.
    pub container: Option<String>,
    /// How the own container ended the last time. `None`: this is its first start in this pod.
    pub previous_exit: Option<PreviousExit>,
}

/// A preStop hook: SIGTERM comes only after it, and it takes of the same grace period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreStop {
    /// There is none.
    None,
    /// It sleeps exactly this long.
    Sleep(Duration),
    /// A command or a request: nobody knows how long.
    Unknown,
}

/// How soon Kubernetes notices that a pod is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadinessProbe {
    /// `periodSeconds`.
    pub period: Duration,
    /// `failureThreshold`.
    pub failure_threshold: u32,
}

impl ReadinessProbe {
    /// From the first failing answer that can be seen to "not ready", at worst.
    pub fn notices_within(self) -> Duration {
        self.period.saturating_mul(self.failure_threshold)
    }
}

impl Cluster {
    /// Reads the own Pod once.
    ///
    /// # Errors
    /// [`Failure`]; also when the Pod of that name has another uid, which is then not this one.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn own_pod(&self) -> Result<PodFacts, Failure> {
        let pod = self.answer(self.api::<Pod>().get(&self.identity.name)).await?;
        if pod.metadata.uid.as_deref() != Some(&self.identity.uid) {
            return Err(Failure::Unreachable(format!("the pod {} is another one by now", self.identity.name)));
        }
        Ok(PodFacts::of(&pod, self.identity.container.as_deref()))
    }
}

impl PodFacts {
    pub(crate) fn of(pod: &Pod, container: Option<&str>) -> Self {
        let spec = pod.spec.as_ref();
        let containers = spec.map(|spec| spec.containers.as_slice()).unwrap_or_default();
        let own = match (container, containers) {
            (Some(name), _) => containers.iter().find(|container| container.name == name),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        let grace = spec.and_then(|spec| spec.termination_grace_period_seconds);
        Self {
            grace_period: grace.map_or(GRACE_PERIOD_DEFAULT, seconds),
            pre_stop: own.map_or(PreStop::None, pre_stop),
            readiness: own.and_then(|own| own.readiness_probe.as_ref()).map(readiness),
            probe_grace_period: own.and_then(probe_grace_period),
            container: own.map(|own| own.name.clone()),
            previous_exit: own.and_then(|own| PreviousExit::of(pod, &own.name)),
        }
    }
}

/// What the API server writes where nobody said anything.
const GRACE_PERIOD_DEFAULT: Duration = Duration::from_secs(30);
const PROBE_PERIOD_DEFAULT: i32 = 10;
const FAILURE_THRESHOLD_DEFAULT: i32 = 3;

fn seconds(value: i64) -> Duration {
    Duration::from_secs(u64::try_from(value).unwrap_or(0))
}

fn pre_stop(container: &Container) -> PreStop {
    let hook = container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.pre_stop.as_ref());
    match hook {
        None => PreStop::None,
        Some(LifecycleHandler { sleep: Some(sleep), .. }) => PreStop::Sleep(seconds(sleep.seconds)),
        Some(_) => PreStop::Unknown,
    }
}

fn readiness(probe: &Probe) -> ReadinessProbe {
    let threshold = probe.failure_threshold.unwrap_or(FAILURE_THRESHOLD_DEFAULT);
    ReadinessProbe {
        period: seconds(probe.period_seconds.unwrap_or(PROBE_PERIOD_DEFAULT).into()),
        failure_threshold: u32::try_from(threshold).unwrap_or(0),
    }
}

fn probe_grace_period(container: &Container) -> Option<Duration> {
    let probes = [container.liveness_probe.as_ref(), container.startup_probe.as_ref()];
    probes.into_iter().flatten().filter_map(|probe| probe.termination_grace_period_seconds).min().map(seconds)
}
