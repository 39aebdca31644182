//! What a Pod object says about one container of it. Pure.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};

/// A pod at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) node: String,
    pub(super) address: Option<IpAddr>,
    pub(super) ready: bool,
    pub(super) deletion: Option<Deletion>,
    /// Restarts of the container so far: the number of its current life.
    pub(super) restarts: i32,
    pub(super) runs: bool,
    /// How the current life ended, if it did.
    pub(super) end: Option<End>,
    /// How the life before it ended.
    pub(super) end_before: Option<End>,
    /// Why it does not run: `ImagePullBackOff`, or what the scheduler says.
    pub(super) waits_for: Option<String>,
}

/// That it is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deletion {
    /// When the order was taken, in seconds since 1970 by the API server's clock.
    pub(super) ordered: i64,
    pub(super) grace_seconds: i64,
}

/// The end of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) code: i32,
    pub(super) message: Option<String>,
    /// By its node's clock.
    pub(super) finished: Option<i64>,
}

/// Reads a Pod.
pub(super) fn see(pod: &Pod, container: &str) -> Seen {
    let status = pod.status.clone().unwrap_or_default();
    let container = status.container_statuses.unwrap_or_default().into_iter().find(|one| one.name == container);
    let conditions = status.conditions.unwrap_or_default();
    let unscheduled = conditions
        .iter()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")
        .and_then(|condition| condition.message.clone());
    let grace_seconds = pod.metadata.deletion_grace_period_seconds.unwrap_or_default();
    let (end, end_before) = container.as_ref().map(ends).unwrap_or_default();
    Seen {
        name: pod.metadata.name.clone().unwrap_or_default(),
        uid: pod.metadata.uid.clone().unwrap_or_default(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default(),
        address: status.pod_ip.and_then(|ip| ip.parse().ok()),
        ready: conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True"),
        deletion: pod
            .metadata
            .deletion_timestamp
            .as_ref()
            .map(|at| Deletion { ordered: at.0.as_second() - grace_seconds, grace_seconds }),
        restarts: container.as_ref().map_or(0, |container| container.restart_count),
        runs: container.as_ref().and_then(|container| container.state.as_ref()?.running.as_ref()).is_some(),
        end,
        end_before,
        waits_for: container.and_then(|container| container.state?.waiting?.reason).or(unscheduled),
    }
}

/// The ends of the current life and of the one before. While a container waits to be started again, its `lastState` is
/// the end of the current life, as its count of restarts has not risen yet; once it runs again, it is that of the one
/// before.
fn ends(container: &ContainerStatus) -> (Option<End>, Option<End>) {
    let of = |state: Option<&ContainerState>| {
        let terminated = state?.terminated.as_ref()?;
        Some(End {
            code: terminated.exit_code,
            message: terminated.message.clone(),
            finished: terminated.finished_at.as_ref().map(|at| at.0.as_second()),
        })
    };
    let (now, last) = (of(container.state.as_ref()), of(container.last_state.as_ref()));
    let waits = container.state.as_ref().is_some_and(|state| state.waiting.is_some());
    if waits { (last, None) } else { (now, last) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(state: &serde_json::Value, last: &serde_json::Value, restarts: i32) -> Seen {
        let pod = json!({
            "metadata": {"name": "web-1", "uid": "u", "deletionTimestamp": "2026-11-26T10:00:30Z",
                "deletionGracePeriodSeconds": 30},
            "spec": {"nodeName": "n1", "containers": []},
            "status": {"podIP": "10.1.2.3", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [
                {"name": "side", "image": "", "imageID": "", "ready": true, "restartCount": 9},
                {"name": "web", "image": "", "imageID": "", "ready": true, "restartCount": restarts,
                    "state": state, "lastState": last}]}
        });
        see(&serde_json::from_value(pod).expect("a Pod"), "web")
    }

    #[test]
    fn a_deletion_was_ordered_a_grace_period_before_its_timestamp() {
        let seen = seen(&json!({"running": {}}), &json!({}), 0);
        let deletion = seen.deletion.expect("deleted");
        assert_eq!(deletion.grace_seconds, 30);
        assert_eq!(
            deletion.ordered,
            "2026-11-26T10:00:00Z".parse::<k8s_openapi::jiff::Timestamp>().unwrap().as_second()
        );
        assert!(seen.ready && seen.runs);
        assert_eq!(seen.address, Some([10, 1, 2, 3].into()));
    }

    #[test]
    fn an_end_belongs_to_the_right_life() {
        let end = json!({"terminated": {"exitCode": 3, "message": "{}", "finishedAt": "2026-11-26T10:00:00Z"}});
        let code = |end: Option<End>| end.map(|end| end.code);
        let over = seen(&end, &json!({}), 0);
        assert_eq!((code(over.end), code(over.end_before)), (Some(3), None));
        let waits = seen(&json!({"waiting": {"reason": "CrashLoopBackOff"}}), &end, 0);
        assert_eq!((code(waits.end), code(waits.end_before), waits.runs), (Some(3), None, false));
        let again = seen(&json!({"running": {}}), &end, 1);
        assert_eq!((code(again.end), code(again.end_before), again.restarts), (None, Some(3), 1));
    }
}
