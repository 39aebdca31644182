//! The two watches and the look at pods that leave.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::rc::Rc;
use std::time::Duration;

use futures_util::{StreamExt, future};
use http::Method;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use tokio::task::JoinSet;

use super::{PodSet, Synced};
use crate::cluster::{pods, slices};
use crate::facts::LedgerSource;
use crate::ledger::Document;

/// The label by which a slice names its Service.
const SERVICE_LABEL: &str = "kubernetes.io/service-name";
/// Between two attempts at an API server that is away. Short and steady: a pod that left meanwhile is reported and
/// removed as soon as it is back, and who comes later never hears how it ended. A drill is one client, and short.
const AGAIN_AFTER: Duration = Duration::from_millis(200);
/// Between two looks at the phases of pods that leave.
const PHASE_PERIOD: Duration = Duration::from_millis(250);
/// Between two looks at the API server's clock, which tells whole seconds: no part of one, so that the looks fall
/// differently.
const CLOCK_PERIOD: Duration = Duration::from_millis(730);

/// Starts the watches; they end when what is returned is dropped.
pub(super) fn start(pods: &Rc<PodSet>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let (watching, slices, phases, clock) = (Rc::clone(pods), Rc::clone(pods), Rc::clone(pods), Rc::clone(pods));
    tasks.spawn_local(async move {
        let config = watcher::Config::default().labels(&watching.selector);
        let mut listed = BTreeSet::new();
        follow(watching.client.api::<Pod>(), config, &watching, |event| on_pod(&watching, &mut listed, event)).await;
    });
    tasks.spawn_local(async move {
        let config = watcher::Config::default().labels(&format!("{SERVICE_LABEL}={}", slices.service));
        let mut listed = BTreeSet::new();
        follow(slices.client.api::<EndpointSlice>(), config, &slices, |event| on_slice(&slices, &mut listed, event))
            .await;
    });
    if pods.has_ledger {
        tasks.spawn_local(follow_phases(phases));
    }
    tasks.spawn_local(async move {
        loop {
            clock.client.look_at_clock().await;
            tokio::time::sleep(CLOCK_PERIOD).await;
        }
    });
    tasks
}

/// A patience that does not grow.
struct FixedBackoff;

impl Iterator for FixedBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(AGAIN_AFTER)
    }
}

impl Backoff for FixedBackoff {
    fn reset(&mut self) {}
}

/// Watches for as long as it is polled; an API server that is away is asked again and again.
async fn follow<K>(api: Api<K>, config: watcher::Config, pods: &PodSet, mut on: impl FnMut(Event<K>))
where
    K: Resource + Clone + serde::de::DeserializeOwned + Debug + Send + 'static,
{
    let mut events = Box::pin(watcher(api, config).backoff(FixedBackoff));
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                on(event);
                pods.touch();
            }
            Err(watcher::Error::WatchError(status)) => {
                pods.note(&format!("a watch was begun anew: {}", status.message));
            }
            Err(_) => pods.note("the API server was away for a while: times of that while were heard late"),
        }
    }
}

fn on_pod(pods: &PodSet, listed: &mut BTreeSet<String>, event: Event<Pod>) {
    match event {
        Event::Init => listed.clear(),
        Event::Apply(pod) => pods.apply(&pods::see(&pod, &pods.container)),
        Event::InitApply(pod) => {
            let seen = pods::see(&pod, &pods.container);
            listed.insert(seen.uid.clone());
            pods.apply(&seen);
        }
        Event::Delete(pod) => {
            let seen = pods::see(&pod, &pods.container);
            pods.apply(&seen);
            pods.forget(&seen.uid);
        }
        Event::InitDone => {
            let known: Vec<_> = pods.history.facts().into_iter().filter_map(|life| Some(life.pod?.uid)).collect();
            known.iter().filter(|uid| !listed.contains(*uid)).for_each(|uid| pods.forget(uid));
            pods.synced.set(Synced { pods: true, ..pods.synced.get() });
        }
    }
}

fn on_slice(pods: &PodSet, listed: &mut BTreeSet<String>, event: Event<EndpointSlice>) {
    let out = {
        let mut known = pods.slices.borrow_mut();
        match event {
            Event::Init => {
                listed.clear();
                BTreeSet::new()
            }
            Event::Apply(slice) => known.apply(&slice),
            Event::InitApply(slice) => {
                listed.insert(slices::name(&slice));
                known.apply(&slice)
            }
            Event::Delete(slice) => known.remove(&slice),
            Event::InitDone => {
                pods.synced.set(Synced { slices: true, ..pods.synced.get() });
                known.keep(listed)
            }
        }
    };
    pods.history.taken_out(pods.stage.now(), &out);
}

/// Reads the phase of each pod that leaves, as long as it answers.
async fn follow_phases(pods: Rc<PodSet>) {
    loop {
        tokio::time::sleep(PHASE_PERIOD).await;
        let lives = pods.history.each();
        let leaving = lives.iter().filter(|life| {
            let life = life.borrow();
            life.exited.is_none() && life.marked.or(life.signalled).is_some()
        });
        let looks = leaving.map(async |life| {
            let Some(name) = life.borrow().pod.as_ref().map(|pod| pod.name.clone()) else { return };
            let Ok(text) = pods.client.pod(Method::GET, &name, pods.admin_port, "/drain").await else { return };
            let Ok(document) = Document::parse(&text) else { return };
            let mut life = life.borrow_mut();
            // A pod that was told without being deleted may not have heard it yet.
            if life.exited.is_none() && document.phase != "ready" {
                life.see_phase(&document.phase, pods.stage.now());
                life.ledger = Some((LedgerSource::DrainEndpoint, document.ledger));
            }
        });
        future::join_all(looks).await;
    }
}
