//! What is around the process: the cluster, if the feature `cluster` is built in and there is one. Facts go in as events, notices
//! go out as Events on the pod; otherwise the same questions have plain answers.

#[cfg(not(feature = "cluster"))]
mod absent;
#[cfg(feature = "cluster")]
mod present;

#[cfg(not(feature = "cluster"))]
pub(crate) use absent::ClusterAccess;
#[cfg(feature = "cluster")]
pub(crate) use present::ClusterAccess;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How many places of the pod's spec do not fit the plan. A cheap handle.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contradictions(Arc<AtomicU32>);

impl Contradictions {
    #[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "nobody looks"))]
    fn found(&self, count: usize) {
        self.0.store(u32::try_from(count).unwrap_or(u32::MAX), Relaxed);
    }

    /// As far as is known.
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Relaxed)
    }
}
