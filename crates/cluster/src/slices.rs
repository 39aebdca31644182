//! What a set of EndpointSlices says about one pod. Pure: objects in, a verdict out.

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use std::collections::BTreeMap;

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
    others_take_over: bool,
}

/// What all slices together say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Some slice still sends new connections here.
    pub(crate) registered: bool,
    /// Some Service that names this pod has, in one address family, no other endpoint that takes new connections.
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
    slices: BTreeMap<String, Summary>,
}

impl View {
    pub(crate) fn new(uid: &str) -> Self {
        Self { uid: uid.to_owned(), slices: BTreeMap::new() }
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
        let last_serving = naming
            .map(|slice| &slice.route)
            .any(|route| !self.slices.values().any(|other| other.route == *route && other.others_take_over));
        Verdict { registered, last_serving }
    }

    fn summary(&self, slice: &EndpointSlice) -> Summary {
        let labels = slice.metadata.labels.as_ref();
        let service = labels.and_then(|labels| labels.get(SERVICE_LABEL)).cloned().unwrap_or_default();
        let (ours, others): (Vec<_>, Vec<_>) = slice.endpoints.iter().partition(|endpoint| names(endpoint, &self.uid));
        Summary {
            route: (service, slice.address_type.clone()),
            standing: ours.into_iter().map(standing).max().unwrap_or(Standing::Absent),
            others_take_over: others.into_iter().any(takes_over),
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

/// Whether this endpoint gets the traffic once we are gone. One that terminates itself does not count: two pods that leave
/// together must not each rely on the other.
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
