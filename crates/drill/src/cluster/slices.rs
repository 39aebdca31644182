//! What endpoint slices say about each pod. Pure.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::discovery::v1::EndpointSlice;

/// The slices of a Service, as far as they say who gets new connections.
#[derive(Debug, Default)]
pub(super) struct Slices {
    /// By slice: the uids of pods that are ready in it.
    ready: BTreeMap<String, BTreeSet<String>>,
}

impl Slices {
    /// Takes one slice; returns the pods that it takes new connections away from.
    pub(super) fn apply(&mut self, slice: &EndpointSlice) -> BTreeSet<String> {
        let now = ready(slice);
        let before = self.ready.insert(name(slice), now.clone()).unwrap_or_default();
        before.difference(&now).cloned().collect()
    }

    /// Takes a slice away; returns the pods that were ready in it.
    pub(super) fn remove(&mut self, slice: &EndpointSlice) -> BTreeSet<String> {
        self.ready.remove(&name(slice)).unwrap_or_default()
    }

    /// Keeps only the slices of a complete list; returns the pods that were ready in the others.
    pub(super) fn keep(&mut self, listed: &BTreeSet<String>) -> BTreeSet<String> {
        let gone: Vec<_> = self.ready.keys().filter(|name| !listed.contains(*name)).cloned().collect();
        gone.iter().filter_map(|name| self.ready.remove(name)).flatten().collect()
    }

    /// Whether every one of these pods gets new connections.
    pub(super) fn name_all(&self, uids: &[String]) -> bool {
        uids.iter().all(|uid| self.ready.values().any(|ready| ready.contains(uid)))
    }
}

pub(super) fn name(slice: &EndpointSlice) -> String {
    slice.metadata.name.clone().unwrap_or_default()
}

/// Missing conditions mean what the API says they mean: ready, and not terminating. An endpoint that terminates gets no
/// new connections even if `publishNotReadyAddresses` keeps it ready.
fn ready(slice: &EndpointSlice) -> BTreeSet<String> {
    let takes = slice.endpoints.iter().filter(|endpoint| {
        let conditions = endpoint.conditions.clone().unwrap_or_default();
        conditions.ready.unwrap_or(true) && !conditions.terminating.unwrap_or(false)
    });
    takes.filter_map(|endpoint| endpoint.target_ref.as_ref()?.uid.clone()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slice(name: &str, endpoints: &[(&str, bool, bool)]) -> EndpointSlice {
        let endpoints: Vec<_> = endpoints
            .iter()
            .map(|(uid, ready, terminating)| {
                json!({"addresses": ["10.0.0.1"], "targetRef": {"uid": uid},
                    "conditions": {"ready": ready, "terminating": terminating}})
            })
            .collect();
        serde_json::from_value(json!({"metadata": {"name": name}, "addressType": "IPv4", "endpoints": endpoints}))
            .expect("a slice")
    }

    #[test]
    fn a_pod_that_terminates_is_taken_out_even_if_it_stays_ready() {
        let mut slices = Slices::default();
        assert!(slices.apply(&slice("a", &[("one", true, false), ("two", true, false)])).is_empty());
        assert!(slices.name_all(&["one".into(), "two".into()]));
        assert_eq!(slices.apply(&slice("a", &[("one", true, true), ("two", true, false)])), ["one".into()].into());
        assert!(!slices.name_all(&["one".into()]));
        assert_eq!(slices.apply(&slice("a", &[("two", false, false)])), ["two".into()].into());
    }

    #[test]
    fn a_slice_that_is_gone_takes_its_pods_with_it() {
        let mut slices = Slices::default();
        slices.apply(&slice("a", &[("one", true, false)]));
        slices.apply(&slice("b", &[("two", true, false)]));
        assert_eq!(slices.remove(&slice("a", &[])), ["one".into()].into());
        assert_eq!(slices.keep(&BTreeSet::new()), ["two".into()].into());
    }
}
