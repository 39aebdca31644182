//! The Job of a load: pods that a namespace with "restricted" Pod Security admits, spread over the nodes, gone by
//! themselves should the drill be killed.

use anyhow::Context;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use crate::load_pod::{ORDER, Order};
use crate::plan::cluster::ClusterPlan;

/// Where a load pod takes orders.
pub(super) const PORT: u16 = 8099;
pub(super) const CONTAINER: &str = "load";
/// The longest drill: after that the Job is ended by the cluster.
const DEADLINE_SECONDS: u32 = 6 * 3600;
/// Kept for so long after its end, if nobody deletes it.
const KEPT_SECONDS: u32 = 60;

pub(super) fn job(name: &str, plan: &ClusterPlan, count: u32, order: &Order) -> anyhow::Result<Job> {
    let order = serde_json::to_string(order).context("the order for the load pods")?;
    let labels = json!({"app.kubernetes.io/name": "lameduck-drill", "app.kubernetes.io/managed-by": "lameduck-drill"});
    let container = json!({
        "name": CONTAINER,
        "image": plan.target.image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["load-pod"],
        "env": [{"name": ORDER, "value": order}],
        "ports": [{"containerPort": PORT}],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]}}
    });
    let pod = json!({
        "restartPolicy": "Never",
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        // Nobody waits for it: its record has been read by then.
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"}},
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": {"lameduck-drill": name}}}],
        "containers": [container]
    });
    let mut pod_labels = labels.clone();
    pod_labels["lameduck-drill"] = name.into();
    let job = json!({
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "completions": count,
            "parallelism": count,
            "completionMode": "Indexed",
            "backoffLimit": 0,
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {"metadata": {"labels": pod_labels}, "spec": pod}
        }
    });
    serde_json::from_value(job).context("the Job of the load")
}

/// The image that a load pod was to run.
pub(super) fn image(pod: &Pod) -> String {
    let spec = pod.spec.as_ref();
    spec.and_then(|spec| spec.containers.first()?.image.clone()).unwrap_or_default()
}
