//! Leaving through the eviction API: one pod, or all of the workload's pods on a node.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow};
use futures_util::future;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{EvictParams, Patch, PatchParams};
use serde_json::json;
use tokio::time::Instant;

use super::{Actor, LOOK_EVERY, this_one};
use crate::cluster::api_client::ApiError;
use crate::cluster::undo::Step;
use crate::facts::PodFacts;

impl Actor<'_> {
    /// Asks again and again while a PodDisruptionBudget says "not now", as `kubectl drain` does.
    pub(super) async fn evict(&self, pod: &PodFacts, deadline: Instant) -> anyhow::Result<()> {
        let client = &self.cluster.client;
        let api = client.api::<Pod>();
        let params = EvictParams { delete_options: Some(this_one(pod)), ..EvictParams::default() };
        loop {
            match client.answer(api.evict(&pod.name, &params)).await {
                Ok(_) | Err(ApiError { code: Some(404 | 409), .. }) => return Ok(()),
                Err(ApiError { code: Some(429), message }) => {
                    self.evictions_refused.set(self.evictions_refused.get() + 1);
                    if Instant::now() >= deadline {
                        return Err(anyhow!("{} could not be evicted: {message}", pod.name));
                    }
                }
                Err(ApiError { code: None, .. }) if Instant::now() < deadline => {}
                Err(refusal) => return Err(anyhow!("{} could not be evicted: {refusal}", pod.name)),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Cordons a node, evicts the workload's pods on it, and uncordons it once they have been replaced.
    pub(super) async fn node_drain(&self, node: Option<&str>, deadline: Instant) -> anyhow::Result<()> {
        let staying = self.pods.history().staying();
        let node = match node {
            Some(node) => node.to_owned(),
            None => fullest(&staying).context("the workload has no pods")?,
        };
        let pods: Vec<_> = staying.into_iter().filter(|pod| pod.node == node).collect();
        if pods.is_empty() {
            return Err(anyhow!("--node {node}: no pod of the workload is there"));
        }
        self.view.say(&format!("{} pods on {node}", pods.len()));
        let (api, params) = (self.cluster.client.all::<Node>(), PatchParams::default());
        let found = self.ask(deadline, || api.get(&node)).await?;
        if found.spec.and_then(|spec| spec.unschedulable) == Some(true) {
            return Err(anyhow!("{node} is cordoned already: whoever did that would find it uncordoned afterwards"));
        }
        let back = Step::Uncordon(node.clone());
        self.undo.remember(back.clone());
        let cordon = Patch::Merge(json!({"spec": {"unschedulable": true}}));
        self.ask(deadline, || api.patch(&node, &params, &cordon)).await?;
        let gone = pods.iter().map(async |pod| {
            self.evict(pod, deadline).await?;
            self.until_replaced(pod, deadline).await
        });
        future::join_all(gone).await.into_iter().collect::<anyhow::Result<()>>()?;
        self.undo.now(&back).await?;
        Ok(())
    }
}

/// The node with most of these pods; the first by name among equals.
fn fullest(pods: &[PodFacts]) -> Option<String> {
    let mut nodes: BTreeMap<&str, usize> = BTreeMap::new();
    for pod in pods {
        *nodes.entry(&pod.node).or_default() += 1;
    }
    let most = nodes.values().max().copied()?;
    nodes.into_iter().find(|(_, count)| *count == most).map(|(node, _)| node.to_owned())
}
