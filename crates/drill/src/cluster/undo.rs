//! What the drill made or changed, and takes back at the end, however the end comes.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Node;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;

use super::api_client::{ApiClient, ApiError};
use super::workload::Workload;

/// Longest time for taking back one thing: an API server may be away for a while.
const WITHIN: Duration = Duration::from_secs(60);
/// Between two attempts.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// One thing to take back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    DeleteJob(String),
    Uncordon(String),
    ScaleTo(u32),
}

impl Step {
    /// What a person has to type instead.
    fn command(&self, undo: &Undo) -> String {
        let namespace = &undo.client.namespace;
        match self {
            Self::DeleteJob(name) => format!("kubectl -n {namespace} delete job {name}"),
            Self::Uncordon(node) => format!("kubectl uncordon {node}"),
            Self::ScaleTo(replicas) => {
                format!("kubectl -n {namespace} scale {} --replicas {replicas}", undo.workload.name)
            }
        }
    }
}

/// The list, youngest last.
pub(super) struct Undo {
    client: Rc<ApiClient>,
    workload: Workload,
    steps: RefCell<Vec<Step>>,
}

impl Undo {
    pub(super) fn new(client: &Rc<ApiClient>, workload: &Workload) -> Self {
        Self { client: Rc::clone(client), workload: workload.clone(), steps: RefCell::default() }
    }

    /// Remembers a step; called before the thing is done, as the answer may get lost.
    pub(super) fn remember(&self, step: Step) {
        self.steps.borrow_mut().push(step);
    }

    /// Takes one thing back now.
    ///
    /// # Errors
    /// The API server refuses; the step stays on the list.
    pub(super) async fn now(&self, step: &Step) -> Result<(), ApiError> {
        self.take(step).await?;
        self.steps.borrow_mut().retain(|other| other != step);
        Ok(())
    }

    /// Takes everything back, the youngest first. Returns what could not be taken back, as a person has to do it.
    pub(super) async fn all(&self) -> Vec<String> {
        let steps: Vec<_> = self.steps.borrow_mut().drain(..).rev().collect();
        let mut left_behind = Vec::new();
        for step in steps {
            let deadline = tokio::time::Instant::now() + WITHIN;
            while let Err(refusal) = self.take(&step).await {
                if tokio::time::Instant::now() >= deadline || refusal.code == Some(403) {
                    left_behind.push(format!("{} ({refusal})", step.command(self)));
                    break;
                }
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        }
        left_behind
    }

    async fn take(&self, step: &Step) -> Result<(), ApiError> {
        let client = &self.client;
        let done = match step {
            Step::DeleteJob(name) => {
                client.answer(client.api::<Job>().delete(name, &DeleteParams::background())).await.map(drop)
            }
            Step::Uncordon(node) => {
                let patch = Patch::Merge(json!({"spec": {"unschedulable": null}}));
                client.answer(client.all::<Node>().patch(node, &PatchParams::default(), &patch)).await.map(drop)
            }
            Step::ScaleTo(replicas) => {
                let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
                let api = self.workload.api(client);
                client
                    .answer(api.patch_scale(&self.workload.name.name, &PatchParams::default(), &patch))
                    .await
                    .map(drop)
            }
        };
        match done {
            // What is gone needs no taking back.
            Err(ApiError { code: Some(404), .. }) | Ok(()) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }
}
