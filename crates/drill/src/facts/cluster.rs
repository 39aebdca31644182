//! What a run in a cluster found out besides.

use serde::Serialize;

use crate::clock::Offset;
use crate::plan::cluster::Leaving;

/// What only a pod has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodFacts {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) node: String,
    /// Restarts of its container before this life of it.
    pub(crate) restarts: i32,
    /// The grace period of its deletion, as last heard.
    pub(crate) grace_seconds: Option<i64>,
    /// When the API server took the order to delete it, in its own whole seconds since 1970.
    pub(crate) ordered: Option<i64>,
    /// When its container ended, in whole seconds of its node's clock.
    pub(crate) finished: Option<i64>,
    /// What it says of its end.
    pub(crate) end: Option<PodEnd>,
}

/// What a pod's last report says of how it left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodEnd {
    pub(crate) cause: Option<String>,
    pub(crate) wait_end: Option<String>,
    pub(crate) deregistered_after_ms: Option<u64>,
    pub(crate) last_connection_after_ms: Option<u64>,
}

/// What was done in a cluster, and what was found there.
#[derive(Clone, Debug)]
pub(crate) struct ClusterSetting {
    pub(crate) way: Leaving,
    /// `deployment/web in namespace shop of kind-dev`.
    pub(crate) workload: String,
    pub(crate) service: String,
    /// Of the API server.
    pub(crate) version: String,
    /// Where the load came from, in words.
    pub(crate) source: String,
    /// Nobody else was to send requests.
    pub(crate) exclusive: bool,
    pub(crate) clocks: Vec<ClockFacts>,
    /// Evictions that a PodDisruptionBudget put off.
    pub(crate) evictions_refused: u32,
    /// What went on that a reader should know: an API server that was away, a pod whose end nobody heard of.
    pub(crate) notes: Vec<String>,
}

/// A clock that times in this report come from.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ClockFacts {
    /// `API server`, or a load pod.
    pub(crate) of: String,
    #[serde(flatten)]
    pub(crate) offset: Offset,
}
