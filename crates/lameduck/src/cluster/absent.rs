//! No cluster is built in.

use super::Contradictions;
use crate::events::Events;
use lameduck_lifecycle::{Cause, ClusterFact, Event, Plan, Report};

/// Nobody to ask, nobody to tell.
#[derive(Clone, Debug)]
pub(crate) struct ClusterAccess;

impl ClusterAccess {
    pub(crate) fn look(_known: &crate::config::Cluster) -> Self {
        Self
    }

    pub(crate) fn contradictions(&self) -> Contradictions {
        Contradictions::default()
    }

    pub(crate) async fn check(self, _plan: Plan) {}

    /// Says at once that there is nothing to wait for.
    pub(crate) async fn watch_deletion(self, _events: Events) {}

    pub(crate) async fn watch_endpoints(self, events: Events) {
        events.send(Event::Cluster(ClusterFact::Absent)).await;
    }

    pub(crate) async fn announce_leaving(self, _cause: Cause) {}

    pub(crate) async fn announce_end(&self, _report: &Report) {}
}
