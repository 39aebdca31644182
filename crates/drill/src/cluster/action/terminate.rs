//! SIGTERM without a deletion, as a node that shuts down or a failing liveness probe sends it: from a container beside
//! process 1, with the same user.

use anyhow::{Context, anyhow};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use tokio::time::Instant;

use super::Actor;
use crate::facts::PodFacts;
use crate::load_pod::unix_micros;

impl Actor<'_> {
    pub(super) async fn terminate(&self, pod: &PodFacts, deadline: Instant) -> anyhow::Result<()> {
        let (client, workload) = (&self.cluster.client, &self.cluster.workload);
        let user = workload.user().context("no runAsUser")?;
        let container = json!({
            "name": format!("lameduck-drill-{:08x}", unix_micros() as u32),
            "image": self.plan.target.image,
            "imagePullPolicy": "IfNotPresent",
            "args": ["signal"],
            "targetContainerName": workload.container,
            "securityContext": {"runAsNonRoot": true, "runAsUser": user, "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}
        });
        let patch = Patch::Strategic(json!({"spec": {"ephemeralContainers": [container]}}));
        let (api, params) = (client.api::<Pod>(), PatchParams::default());
        self.ask(deadline, || api.patch_ephemeral_containers(&pod.name, &params, &patch))
            .await
            .map_err(|refusal| anyhow!("no container can be added to {}: {refusal}", pod.name))?;
        self.view.say(&format!("{} gets SIGTERM", pod.name));
        self.pods.signalled(pod);
        Ok(())
    }
}
