//! Watch the own Pod: is it being deleted, and with how much grace?

use super::backoff;
use super::{Listen, failed, run_watch, tell};
use crate::connect::Cluster;
use crate::failure::Failure;
use k8s_openapi::api::core::v1::Pod;
use kube::api::WatchParams;
use kube::core::WatchEvent;
use lameduck_lifecycle::ClusterFact;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;

/// The kubelet's own floor: less than this it never gives from the moment it acts.
const GRACE_LEAST: Duration = Duration::from_secs(2);

/// Follows the Pod until the API server refuses. That costs little: the deadline is then the planned one.
pub(super) async fn follow(cluster: &Cluster, facts: &Sender<ClusterFact>) {
    let mut backoff = backoff((&cluster.identity.uid, "pod"));
    let mut listener = Listener { uid: &cluster.identity.uid, facts, began: Instant::now(), told: None };
    loop {
        match watch(cluster, &mut listener).await {
            Ok(()) => backoff.reset(),
            Err(Failure::Forbidden(message)) => {
                tracing::warn!(error = message, "the Role must allow watch of pods: a shorter grace will not be seen");
                return;
            }
            Err(Failure::Gone) => tokio::time::sleep(backoff.pause()).await,
            Err(failure @ Failure::Unreachable(_)) => failed(facts, &mut backoff, "own pod", &failure).await,
        }
    }
}

/// One watch. From version 0 it begins with the Pod as it is, so there is nothing to remember between two.
async fn watch(cluster: &Cluster, listener: &mut Listener<'_>) -> Result<(), Failure> {
    let params = WatchParams {
        field_selector: Some(format!("metadata.name={}", cluster.identity.name)),
        timeout: Some(cluster.watch_seconds()),
        ..WatchParams::default()
    };
    run_watch(cluster, cluster.api::<Pod>().watch(&params, "0"), listener).await
}

struct Listener<'a> {
    uid: &'a str,
    facts: &'a Sender<ClusterFact>,
    /// When watching began, which is when the order to stop came.
    began: Instant,
    /// The last grace, as the API server spelled it.
    told: Option<Duration>,
}

impl Listen<Pod> for Listener<'_> {
    async fn on(&mut self, event: WatchEvent<Pod>) {
        let pod = match event {
            WatchEvent::Added(pod) | WatchEvent::Modified(pod) => pod,
            WatchEvent::Deleted(_) | WatchEvent::Bookmark(_) | WatchEvent::Error(_) => return,
        };
        let Some(grace) = deletion(&pod, self.uid) else { return };
        if self.told.replace(grace) != Some(grace) {
            tracing::info!(grace_seconds = grace.as_secs(), "the pod is being deleted");
            let grace_period = from_the_order(grace, self.began.elapsed());
            tell(self.facts, ClusterFact::Deletion { grace_period }).await;
        }
    }
}

/// The grace period of a deletion. A Pod of the same name and another uid is not this one.
fn deletion(pod: &Pod, uid: &str) -> Option<Duration> {
    let own = pod.metadata.uid.as_deref() == Some(uid) && pod.metadata.deletion_timestamp.is_some();
    let seconds = pod.metadata.deletion_grace_period_seconds.filter(|_| own)?;
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// A grace that was learned `since` the order to stop, counted from that order.
///
/// A second delete with a grace that has already passed is rewritten by the API server to "1 s from now"; counted from
/// the order that would lie in the past, and cut requests that the kubelet still gives time.
fn from_the_order(grace: Duration, since: Duration) -> Duration {
    grace.max(since + GRACE_LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grace_that_has_passed_still_leaves_what_the_kubelet_leaves() {
        let check = |grace, since, expected| {
            let (grace, since) = (Duration::from_secs(grace), Duration::from_secs(since));
            assert_eq!(from_the_order(grace, since), Duration::from_secs(expected), "{grace:?} after {since:?}");
        };
        check(30, 0, 30);
        check(5, 2, 5);
        check(1, 10, 12);
        check(0, 0, 2);
    }
}
