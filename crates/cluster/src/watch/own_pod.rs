//! Watch the own Pod: is it being deleted, and with how much grace?

use super::{Listen, failed, run_watch, tell};
use crate::connect::Cluster;
use crate::failure::Failure;
use crate::pace::Pace;
use k8s_openapi::api::core::v1::Pod;
use kube::api::WatchParams;
use kube::core::WatchEvent;
use lameduck_lifecycle::ClusterFact;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// Follows the Pod until the API server refuses. That costs little: the deadline is then the planned one.
pub(super) async fn follow(cluster: &Cluster, facts: &Sender<ClusterFact>) {
    let mut pace = Pace::new((&cluster.identity.uid, "pod"));
    let mut listener = Listener { uid: &cluster.identity.uid, facts, told: None };
    loop {
        match watch(cluster, &mut listener).await {
            Ok(()) => pace.succeeded(),
            Err(Failure::Forbidden(message)) => {
                tracing::warn!(error = message, "the Role must allow watch of pods: a shorter grace will not be seen");
                return;
            }
            Err(Failure::Gone) => tokio::time::sleep(pace.failed()).await,
            Err(failure @ Failure::Unreachable(_)) => failed(facts, &mut pace, "own pod", &failure).await,
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
    told: Option<Duration>,
}

impl Listen<Pod> for Listener<'_> {
    async fn on(&mut self, event: WatchEvent<Pod>) {
        let pod = match event {
            WatchEvent::Added(pod) | WatchEvent::Modified(pod) => pod,
            WatchEvent::Deleted(_) | WatchEvent::Bookmark(_) | WatchEvent::Error(_) => return,
        };
        let Some(grace_period) = deletion(&pod, self.uid) else { return };
        if self.told.replace(grace_period) != Some(grace_period) {
            tracing::info!(grace_seconds = grace_period.as_secs(), "the pod is being deleted");
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
