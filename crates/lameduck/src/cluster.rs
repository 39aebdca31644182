//! Facts of the cluster, if there is one and the feature `cluster` is built in; else the plain answer that there is none.

use crate::life::Events;
use lameduck_lifecycle::{ClusterFact, Event};

/// Tells what the cluster says about this pod. To be aborted when nobody wants to know any more.
pub(crate) async fn watch(_services: Vec<String>, events: Events) {
    events.tell(Event::Cluster(ClusterFact::Absent)).await;
}
