//! What only a run in a cluster has to tell.

use lameduck_load::Micros;
use serde::Serialize;

use crate::facts::{ClockFacts, ClusterSetting, PodFacts};

/// The cluster, as far as it belongs into the report.
#[derive(Debug, Serialize)]
pub(super) struct ClusterTold {
    workload: String,
    service: String,
    version: String,
    action: &'static str,
    times: u32,
    load_from: String,
    exclusive: bool,
    clocks: Vec<ClockFacts>,
    evictions_refused: u32,
    notes: Vec<String>,
}

impl ClusterTold {
    pub(super) fn new(setting: &ClusterSetting) -> Self {
        Self {
            workload: setting.workload.clone(),
            service: setting.service.clone(),
            version: setting.version.clone(),
            action: setting.way.action.name(),
            times: setting.way.times,
            load_from: setting.source.clone(),
            exclusive: setting.exclusive,
            clocks: setting.clocks.clone(),
            evictions_refused: setting.evictions_refused,
            notes: setting.notes.clone(),
        }
    }
}

/// A pod, beside what every replica has.
#[derive(Debug, Serialize)]
pub(super) struct PodTold {
    pod: String,
    node: String,
    restarts: i32,
    grace_seconds: Option<i64>,
    ordered_unix: Option<i64>,
    finished_unix: Option<i64>,
    cause: Option<String>,
    wait_end: Option<String>,
    deregistered_after_ms: Option<u64>,
    last_connection_after_ms: Option<u64>,
    took_us: Option<Micros>,
}

impl PodTold {
    pub(super) fn new(pod: &PodFacts, took: Option<Micros>) -> Self {
        let end = pod.end.as_ref();
        Self {
            pod: pod.name.clone(),
            node: pod.node.clone(),
            restarts: pod.restarts,
            grace_seconds: pod.grace_seconds,
            ordered_unix: pod.ordered,
            finished_unix: pod.finished,
            cause: end.and_then(|end| end.cause.clone()),
            wait_end: end.and_then(|end| end.wait_end.clone()),
            deregistered_after_ms: end.and_then(|end| end.deregistered_after_ms),
            last_connection_after_ms: end.and_then(|end| end.last_connection_after_ms),
            took_us: took,
        }
    }
}
