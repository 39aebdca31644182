//! What a set of EndpointSlices says about one pod. Pure: objects in, a verdict out.

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use std::collections::{BTreeMap, BTreeSet};

const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// How one slice treats this pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// The slice does not name it.
    Absent,
    /// Named, and on its way out.
    Terminating,
    /// Named, and not ready.
    NotReady,
    /// Named, and sent new connections to.
    Registered,
}

impl Standing {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Absent => "does not name this pod",
            Self::Terminating => "names this pod as terminating",
            Self::NotReady => "names this pod as not ready",
            Self::Registered => "sends new connections to this pod",
        }
    }
}

/// What is kept of one slice.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Summary {
    /// Service and address family: a dual-stack Service has slices for each, and each routes for itself.
    route: (String, String),
    standing: Standing,
    /// The node of our endpoint.
    node: Option<String>,
    /// The nodes of other endpoints that take new connections.
    others_on: BTreeSet<Option<String>>,
}

/// What all slices together say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Some slice still sends new connections here.
    pub(crate) registered: bool,
    /// Some Service that names this pod has, in one address family, no other endpoint that takes new connections; with
    /// local traffic: no other one on this pod's node.
    pub(crate) last_serving: bool,
}

/// A slice changed its mind about this pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) slice: String,
    pub(crate) service: String,
    pub(crate) standing: Standing,
}

/// The slices known so far, as far as they matter to the pod `uid`.
#[derive(Debug)]
pub(crate) struct View {
    uid: String,
    /// Only endpoints on the same node take over.
    local_traffic: bool,
    slices: BTreeMap<String, Summary>,
}

impl View {
    pub(crate) fn new(uid: &str, local_traffic: bool) -> Self {
        Self { uid: uid.to_owned(), local_traffic, slices: BTreeMap::new() }
    }

    /// Takes a complete list: what it does not contain is gone.
    pub(crate) fn replace(&mut self, listed: &[EndpointSlice]) -> Vec<Change> {
        let before = std::mem::take(&mut self.slices);
        self.slices = listed.iter().map(|slice| (name(slice), self.summary(slice))).collect();
        let gone = before.iter().filter(|(name, _)| !self.slices.contains_key(*name));
        let gone = gone.filter_map(|(name, old)| change(name, Some(old), None));
        let now = self.slices.iter().filter_map(|(name, new)| change(name, before.get(name), Some(new)));
        gone.chain(now).collect()
    }

    /// Takes one slice that was added or modified.
    pub(crate) fn apply(&mut self, slice: &EndpointSlice) -> Option<Change> {
        let (name, new) = (name(slice), self.summary(slice));
        let changed = change(&name, self.slices.get(&name), Some(&new));
        self.slices.insert(name, new);
        changed
    }

    /// Takes one slice that was deleted.
    pub(crate) fn remove(&mut self, slice: &EndpointSlice) -> Option<Change> {
        let name = name(slice);
        let old = self.slices.remove(&name);
        change(&name, old.as_ref(), None)
    }

    /// The verdict of all slices together. Meaningful only after a complete list.
    pub(crate) fn verdict(&self) -> Verdict {
        let registered = self.slices.values().any(|slice| slice.standing == Standing::Registered);
        let naming = self.slices.values().filter(|slice| slice.standing != Standing::Absent);
        let last_serving =
            naming.into_iter().any(|ours| !self.slices.values().any(|other| self.takes_over_from(ours, other)));
        Verdict { registered, last_serving }
    }

    fn takes_over_from(&self, ours: &Summary, other: &Summary) -> bool {
        let somewhere =
            if self.local_traffic { other.others_on.contains(&ours.node) } else { !other.others_on.is_empty() };
        other.route == ours.route && somewhere
    }

    fn summary(&self, slice: &EndpointSlice) -> Summary {
        let labels = slice.metadata.labels.as_ref();
        let service = labels.and_then(|labels| labels.get(SERVICE_LABEL)).cloned().unwrap_or_default();
        let (ours, others): (Vec<_>, Vec<_>) = slice.endpoints.iter().partition(|endpoint| names(endpoint, &self.uid));
        Summary {
            route: (service, slice.address_type.clone()),
            node: ours.first().and_then(|endpoint| endpoint.node_name.clone()),
            standing: ours.into_iter().map(standing).max().unwrap_or(Standing::Absent),
            others_on: others
                .into_iter()
                .filter(|endpoint| takes_over(endpoint))
                .map(|endpoint| endpoint.node_name.clone())
                .collect(),
        }
    }
}

fn name(slice: &EndpointSlice) -> String {
    slice.metadata.name.clone().unwrap_or_default()
}

fn names(endpoint: &Endpoint, uid: &str) -> bool {
    endpoint.target_ref.as_ref().and_then(|target| target.uid.as_deref()) == Some(uid)
}

/// Missing conditions mean what the API says they mean: ready, and not terminating.
fn standing(endpoint: &Endpoint) -> Standing {
    let conditions = endpoint.conditions.as_ref();
    if conditions.and_then(|conditions| conditions.terminating).unwrap_or(false) {
        // `ready` is no help here: with publishNotReadyAddresses it stays true to the end.
        return Standing::Terminating;
    }
    let ready = conditions.and_then(|conditions| conditions.ready).unwrap_or(true);
    if ready { Standing::Registered } else { Standing::NotReady }
}

/// Whether this endpoint gets the traffic once we are gone. One that terminates itself does not count: two pods that
/// leave together must not each rely on the other.
fn takes_over(endpoint: &Endpoint) -> bool {
    let conditions = endpoint.conditions.as_ref();
    let ready = conditions.and_then(|conditions| conditions.ready).unwrap_or(true);
    let serving = conditions.and_then(|conditions| conditions.serving).unwrap_or(ready);
    serving && !conditions.and_then(|conditions| conditions.terminating).unwrap_or(false)
}

fn change(name: &str, old: Option<&Summary>, new: Option<&Summary>) -> Option<Change> {
    let of = |summary: Option<&Summary>| summary.map_or(Standing::Absent, |summary| summary.standing);
    let service = new.or(old)?.route.0.clone();
    (of(old) != of(new)).then(|| Change { slice: name.to_owned(), service, standing: of(new) })
}

#[cfg(test)]
mod tests;
