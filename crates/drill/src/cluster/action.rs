//! What makes pods leave, and when that has come to its end.

mod evict;
mod terminate;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::anyhow;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use serde_json::json;
use tokio::time::Instant;

use super::Cluster;
use super::api_client::ApiError;
use super::pod_set::PodSet;
use super::undo::{Step, Undo};
use super::workload::Workload;
use crate::facts::PodFacts;
use crate::live_view::LiveView;
use crate::plan::cluster::{Action, ClusterPlan};
use crate::process;
use crate::values::words;

/// Between two looks at the workload, and between two attempts at what the API server did not take.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Everything that an action needs.
///
/// # Cancel safety
/// An action that is dropped half-way leaves pods as they are; what it changed besides is on the list of [`Undo`].
pub(super) struct Actor<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) plan: &'a ClusterPlan,
    pub(super) pods: Rc<PodSet>,
    pub(super) undo: Undo,
    pub(super) view: &'a Rc<LiveView>,
    pub(super) evictions_refused: Cell<u32>,
}

impl Actor<'_> {
    /// Does it once, and waits until every replacement is ready.
    ///
    /// # Errors
    /// It was refused, or did not come to its end in time.
    pub(super) async fn act(&self, action: &Action) -> anyhow::Result<()> {
        let deadline = Instant::now() + self.plan.target.within;
        match action {
            Action::RolloutRestart => self.rollout_restart(deadline).await?,
            Action::Evict { pods } => {
                for pod in self.chosen(*pods) {
                    self.evict(&pod, deadline).await?;
                    self.until_replaced(&pod, deadline).await?;
                }
            }
            Action::NodeDrain { node } => self.node_drain(node.as_deref(), deadline).await?,
            Action::ScaleIn { to } => self.scale_in(*to, deadline).await?,
            Action::Delete { pods, grace } => {
                for pod in self.chosen(*pods) {
                    self.delete(&pod, *grace, deadline).await?;
                    self.until_replaced(&pod, deadline).await?;
                }
            }
            Action::Kill => {
                // One would not do: a kubelet gives even a forced deletion a moment, and a good service uses it.
                for pod in self.chosen(None) {
                    self.pods.killed(&pod);
                    self.delete(&pod, Some(0), deadline).await?;
                }
            }
            Action::Terminate { pods } => {
                for pod in self.chosen(*pods) {
                    self.terminate(&pod, deadline).await?;
                    self.until_replaced(&pod, deadline).await?;
                }
            }
            // Whoever wrote the command knows in what state it leaves the workload.
            Action::Command(command) => return self.command(command, deadline).await,
        }
        self.wait_rolled_out(deadline).await
    }

    fn chosen(&self, pods: Option<u32>) -> Vec<PodFacts> {
        let staying = self.pods.history().staying();
        staying.into_iter().take(pods.map_or(usize::MAX, |pods| pods as usize)).collect()
    }

    async fn rollout_restart(&self, deadline: Instant) -> anyhow::Result<()> {
        let (client, workload) = (&self.cluster.client, &self.cluster.workload);
        let annotations = json!({"kubectl.kubernetes.io/restartedAt": Timestamp::now().to_string()});
        let patch = json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
        let (api, params, patch) = (workload.api(client), PatchParams::default(), Patch::Merge(patch));
        self.ask(deadline, || api.patch(&workload.name.name, &params, &patch)).await?;
        Ok(())
    }

    async fn scale_in(&self, to: u32, deadline: Instant) -> anyhow::Result<()> {
        let (client, workload) = (&self.cluster.client, &self.cluster.workload);
        let before = self.ask(deadline, || workload.api_get(client)).await?;
        let before = Workload::replicas(&before);
        if to >= before {
            return Err(anyhow!("--to {to}: {} has {before} replicas", workload.name));
        }
        let back = Step::ScaleTo(before);
        self.undo.remember(back.clone());
        let (api, params, patch) =
            (workload.api(client), PatchParams::default(), Patch::Merge(json!({"spec": {"replicas": to}})));
        self.ask(deadline, || api.patch_scale(&workload.name.name, &params, &patch)).await?;
        self.wait_rolled_out(deadline).await?;
        self.pods.until_nobody_leaves(self.plan.target.settle).await?;
        self.undo.now(&back).await?;
        Ok(())
    }

    async fn delete(&self, pod: &PodFacts, grace: Option<u32>, deadline: Instant) -> anyhow::Result<()> {
        let params = DeleteParams { grace_period_seconds: grace, ..this_one(pod) };
        let api = self.cluster.client.api::<Pod>();
        match self.ask(deadline, || api.delete(&pod.name, &params)).await {
            // It left by itself meanwhile, and another one may have its name.
            Ok(_) | Err(ApiError { code: Some(404 | 409), .. }) => Ok(()),
            Err(refusal) => Err(anyhow!("{} could not be deleted: {refusal}", pod.name)),
        }
    }

    async fn command(&self, command: &[String], deadline: Instant) -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("command.log");
        let mut child = process::spawn(command, &[], &std::fs::File::create(&log)?)
            .map_err(|error| anyhow!("{} cannot be started: {error}", command[0]))?
            .child;
        // Whatever it started in its group ends with the drill, also when this is interrupted.
        let _group = process::Group::of(&child);
        let status = match tokio::time::timeout_at(deadline, child.wait()).await {
            Ok(status) => status?,
            Err(_) => return Err(anyhow!("the command had not ended after {}", words(self.plan.target.within))),
        };
        if !status.success() {
            return Err(anyhow!("the command failed ({status}){}", process::last_words(&log)));
        }
        Ok(())
    }

    /// Waits until a pod has ended, and the workload stands again.
    async fn until_replaced(&self, pod: &PodFacts, deadline: Instant) -> anyhow::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        if !self.pods.until(left, |pods| pods.history().has_ended(pod)).await {
            return Err(anyhow!("{} had not left after {}", pod.name, words(self.plan.target.within)));
        }
        self.wait_rolled_out(deadline).await
    }

    /// Waits until every replica is there, new and ready, and gets new connections.
    pub(super) async fn wait_rolled_out(&self, deadline: Instant) -> anyhow::Result<()> {
        loop {
            let problem = match self.cluster.workload.stands(&self.cluster.client).await {
                Ok(()) if self.pods.serves() => return Ok(()),
                Ok(()) => "not every pod is in the endpoint slices".to_owned(),
                Err(problem) => problem,
            };
            if Instant::now() >= deadline {
                let name = &self.cluster.workload.name;
                return Err(anyhow!("{name} did not stand within {}: {problem}", words(self.plan.target.within)));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Asks until the API server answers; what it refuses stays refused.
    ///
    /// # Errors
    /// It refuses, or had not answered at the deadline.
    async fn ask<T, F>(&self, deadline: Instant, request: impl Fn() -> F) -> Result<T, ApiError>
    where
        F: Future<Output = kube::Result<T>>,
    {
        loop {
            match self.cluster.client.answer(request()).await {
                Err(ApiError { code: None, .. }) if Instant::now() < deadline => tokio::time::sleep(LOOK_EVERY).await,
                answer => return answer,
            }
        }
    }
}

/// For a request that means this pod and not a later one of the same name.
fn this_one(pod: &PodFacts) -> DeleteParams {
    let preconditions = Preconditions { uid: Some(pod.uid.clone()), ..Preconditions::default() };
    DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() }
}
