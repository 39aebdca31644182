//! List, then watch, the EndpointSlices.

use super::backoff;
use super::{Listen, failed, run_watch, tell};
use crate::connect::Cluster;
use crate::failure::Failure;
use crate::slices::{Change, Verdict, View};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{ListParams, WatchParams};
use kube::core::WatchEvent;
use lameduck_lifecycle::ClusterFact;
use tokio::sync::mpsc::Sender;

const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// Where the follower stands in the history of the slices.
enum Position {
    /// Nowhere: only a complete list says what is.
    Unlisted,
    /// Everything up to this resource version is in the view.
    At(String),
}

struct Follower<'a> {
    cluster: &'a Cluster,
    facts: &'a Sender<ClusterFact>,
    view: View,
    position: Position,
    told: Option<Verdict>,
}

/// Follows the slices until the API server refuses; whoever called drops the future when it had enough.
pub(super) async fn follow(cluster: &Cluster, facts: &Sender<ClusterFact>) {
    let uid = &cluster.identity.uid;
    let mut backoff = backoff((uid, "endpoints"));
    let view = View::new(uid, cluster.options.local_traffic);
    let mut follower = Follower { cluster, facts, view, position: Position::Unlisted, told: None };
    loop {
        match follower.step().await {
            Ok(()) => backoff.reset(),
            Err(Failure::Forbidden(message)) => {
                tracing::warn!(
                    error = message,
                    "the Role must allow list and watch of endpointslices: leaving by the plain delay"
                );
                return tell(facts, ClusterFact::Forbidden).await;
            }
            Err(Failure::Gone) => {
                follower.position = Position::Unlisted;
                tokio::time::sleep(backoff.pause()).await;
            }
            // The view and the position stay: what was known before an error is still the best that is known.
            Err(failure @ Failure::Unreachable(_)) => failed(facts, &mut backoff, "endpoint slices", &failure).await,
        }
    }
}

impl Follower<'_> {
    async fn step(&mut self) -> Result<(), Failure> {
        match &self.position {
            Position::Unlisted => self.list().await,
            Position::At(version) => {
                let version = version.clone();
                self.watch(&version).await
            }
        }
    }

    /// Any version will do (`resourceVersion=0`): the API server answers from memory, and the watch brings what is
    /// newer.
    async fn list(&mut self) -> Result<(), Failure> {
        let params = ListParams { label_selector: self.selector(), ..ListParams::default() }.match_any();
        let list = self.cluster.answer(self.cluster.api::<EndpointSlice>().list(&params)).await?;
        // `{}` would parse, too: an answer without a version is not the API server's, and an empty one means a lot
        // here.
        let Some(version) = list.metadata.resource_version.filter(|version| !version.is_empty()) else {
            return Err(Failure::Unreachable("a list without a resource version".to_owned()));
        };
        tracing::debug!(slices = list.items.len(), "listed the endpoint slices");
        self.position = Position::At(version);
        let changes = self.view.replace(&list.items);
        self.report(changes).await;
        Ok(())
    }

    async fn watch(&mut self, version: &str) -> Result<(), Failure> {
        let cluster = self.cluster;
        let params = WatchParams {
            label_selector: self.selector(),
            timeout: Some(cluster.watch_seconds()),
            bookmarks: true,
            ..WatchParams::default()
        };
        let api = cluster.api::<EndpointSlice>();
        run_watch(cluster, api.watch(&params, version), self).await
    }
    /// Logs each slice that changed its mind, and tells the verdict of all when that changed.
    async fn report(&mut self, changes: impl IntoIterator<Item = Change>) {
        for Change { slice, service, standing } in changes {
            tracing::info!(slice, of_service = service, "the endpoint slice {}", standing.words());
        }
        let verdict = self.view.verdict();
        if self.told.replace(verdict) != Some(verdict) {
            let Verdict { registered, last_serving } = verdict;
            tell(self.facts, ClusterFact::Endpoints { registered, last_serving }).await;
        }
    }

    fn selector(&self) -> Option<String> {
        match self.cluster.options.services.as_slice() {
            [] => None,
            services => Some(format!("{SERVICE_LABEL} in ({})", services.join(","))),
        }
    }
}

impl Listen<EndpointSlice> for Follower<'_> {
    async fn on(&mut self, event: WatchEvent<EndpointSlice>) {
        let (version, change) = match event {
            WatchEvent::Added(slice) | WatchEvent::Modified(slice) => {
                let change = self.view.apply(&slice);
                (slice.metadata.resource_version, change)
            }
            WatchEvent::Deleted(slice) => {
                let change = self.view.remove(&slice);
                (slice.metadata.resource_version, change)
            }
            WatchEvent::Bookmark(bookmark) => (Some(bookmark.metadata.resource_version), None),
            WatchEvent::Error(_) => return,
        };
        if let Some(version) = version.filter(|version| !version.is_empty()) {
            self.position = Position::At(version);
        }
        self.report(change).await;
    }
}
