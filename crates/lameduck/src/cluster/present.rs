//! Asks the API server, through the cluster's own room. A failure is logged and never more than that.

use super::Contradictions;
use crate::config;
use crate::events::Events;
use lameduck_cluster::{Cluster, ExitReason, Notice, Options, Severity, contradictions};
use lameduck_lifecycle::{Cause, ClusterFact, Event, PhaseName, Plan, Report};
use tokio::sync::mpsc;

/// Facts on their way to the driver. It takes them at once.
const FACTS_MAX: usize = 16;

/// What is around the process. A cheap handle.
#[derive(Clone, Debug)]
pub(crate) struct ClusterAccess {
    cluster: Option<Cluster>,
    contradictions: Contradictions,
}

impl ClusterAccess {
    /// Looks around; sends nothing. Must run on the control runtime, where the client's tasks then live.
    pub(crate) fn look(known: &config::Cluster) -> Self {
        let options =
            Options { services: known.services.clone(), local_traffic: known.local_traffic, ..Options::default() };
        let cluster = Cluster::connect(options).unwrap_or_else(|error| {
            tracing::warn!(%error, "in a cluster, but unable to ask it; leaving by the plain delay: {error}");
            None
        });
        Self { cluster, contradictions: Contradictions::default() }
    }

    /// Access to the API server at `url`, whose answers it awaits for an hour.
    #[cfg(test)]
    pub(crate) fn patient(url: &str) -> Self {
        let variables = |name: &str| Some(name.to_lowercase().replace('_', "-"));
        let identity = lameduck_cluster::Identity::from_vars(variables).expect("every variable is set");
        let options = Options { answer_within: std::time::Duration::from_secs(3600), ..Options::default() };
        let cluster = Cluster::through_proxy(url, identity, options).expect("a URL");
        Self { cluster: Some(cluster), contradictions: Contradictions::default() }
    }

    /// What [`check`](Self::check) found.
    pub(crate) fn contradictions(&self) -> Contradictions {
        self.contradictions.clone()
    }

    /// Compares the own pod's spec with the plan, once, and says where they do not fit.
    pub(crate) async fn check(self, plan: Plan) {
        let Some(cluster) = self.cluster else { return };
        let pod = match cluster.own_pod().await {
            Ok(pod) => pod,
            Err(error) => {
                return tracing::warn!(%error, "cannot compare the pod's spec with the configuration: {error}");
            }
        };
        if let Some(exit) = pod.previous_exit {
            self.contradictions.ended_before(exit.reason.as_str(), exit.code);
            let (reason, exit_code) = (exit.reason.as_str(), exit.code);
            match exit.reason {
                ExitReason::Clean => tracing::info!(reason, exit_code, "the last run of this container ended cleanly"),
                ExitReason::Failed
                | ExitReason::Usage
                | ExitReason::Lost
                | ExitReason::OomKilled
                | ExitReason::Killed
                | ExitReason::Crashed => tracing::warn!(
                    reason,
                    exit_code,
                    "the last run of this container ended badly: {reason}, exit code {exit_code}"
                ),
            }
        }
        let found = contradictions(&pod, &plan);
        self.contradictions.found(found.len());
        for contradiction in found {
            let kind = contradiction.name();
            match contradiction.severity() {
                Severity::Hint => tracing::info!(kind, "{contradiction}"),
                Severity::Warning => {
                    tracing::warn!(kind, "{contradiction}");
                    announce(&cluster, Notice::BudgetContradicted(contradiction.to_string())).await;
                }
            }
        }
    }

    /// Tells which Services still send connections here. To be aborted when nobody wants to know any more.
    pub(crate) async fn watch_endpoints(self, events: Events) {
        let Some(cluster) = self.cluster else {
            return events.send(Event::Cluster(ClusterFact::Absent)).await;
        };
        let (facts, received) = mpsc::channel(FACTS_MAX);
        tokio::join!(cluster.watch_endpoints(facts), forward(received, events));
    }

    /// Tells of the pod's deletion and of every later, shorter one. To be aborted at the end.
    pub(crate) async fn watch_deletion(self, events: Events) {
        let Some(cluster) = self.cluster else { return };
        let (facts, received) = mpsc::channel(FACTS_MAX);
        tokio::join!(cluster.watch_deletion(facts), forward(received, events));
    }

    /// Says on the pod that leaving began.
    pub(crate) async fn announce_leaving(self, cause: Cause) {
        if let Some(cluster) = self.cluster {
            announce(&cluster, Notice::DrainBegan(format!("leaving, {cause}"))).await;
        }
    }

    /// Reports on the pod how it ended. Bounded by the caller.
    ///
    /// # Cancel safety
    /// Dropped, the Event may or may not have been sent.
    pub(crate) async fn announce_end(&self, report: &Report) {
        let Some(cluster) = &self.cluster else { return };
        let sentence = report.sentence();
        let forced = report.document.cut.contains(&PhaseName::Draining);
        let notice = if forced { Notice::DeadlineForced(sentence) } else { Notice::DrainFinished(sentence) };
        announce(cluster, notice).await;
    }
}

async fn forward(mut facts: mpsc::Receiver<ClusterFact>, events: Events) {
    while let Some(fact) = facts.recv().await {
        events.send(Event::Cluster(fact)).await;
    }
}

/// An Event is never worth a retry.
async fn announce(cluster: &Cluster, notice: Notice) {
    if let Err(error) = cluster.announce(&notice).await {
        tracing::info!(reason = notice.reason(), %error, "no Event on the pod: {error}");
    }
}
