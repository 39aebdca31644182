//! What is around the process: the cluster, if the feature `cluster` is built in and there is one. Facts go in as
//! events, notices go out as Events on the pod; otherwise the same questions have plain answers.

#[cfg(not(feature = "cluster"))]
mod absent;
#[cfg(feature = "cluster")]
mod present;

#[cfg(not(feature = "cluster"))]
pub(crate) use absent::ClusterAccess;
#[cfg(feature = "cluster")]
pub(crate) use present::ClusterAccess;

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// What was found on the own pod: how many places of its spec do not fit the plan, and how the container ended before
/// this start. A cheap handle.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contradictions(Arc<AtomicU32>, Arc<OnceLock<(&'static str, i32)>>);

impl Contradictions {
    #[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "nobody looks"))]
    fn found(&self, count: usize) {
        self.0.store(u32::try_from(count).unwrap_or(u32::MAX), Relaxed);
    }

    #[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "nobody looks"))]
    fn ended_before(&self, reason: &'static str, code: i32) {
        let _ = self.1.set((reason, code));
    }

    /// Reason and exit code of the last run; `None`: unknown, or this is the first.
    pub(crate) fn previous_exit(&self) -> Option<(&'static str, i32)> {
        self.1.get().copied()
    }

    /// As far as is known.
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Relaxed)
    }
}
