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

use super::{Herd, Synced};
use crate::cluster::{pods, slices};
use crate::facts::LedgerSource;
use crate::ledger::Document;

/// The label by which a slice names its Service.
const SERVICE_LABEL: &str = "kubernetes.io/service-name";
/// Between two attempts at an API server that is away. Short and steady: a pod that left meanwhile is reported and removed as soon as
/// it is back, and who comes later never hears how it ended. A drill is one client, and short.
const AGAIN_AFTER: Duration = Duration::from_millis(200);
/// Between two looks at the phases of pods that leave.
const PHASE_PERIOD: Duration = Duration::from_millis(250);
/// Between two looks at the API server's clock, which tells whole seconds: no part of one, so that the looks fall differently.
const CLOCK_PERIOD: Duration = Duration::from_millis(730);

/// Starts the watches; they end when what is returned is dropped.
pub(super) fn start(herd: &Rc<Herd>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let (pods, slices, phases, clock) = (Rc::clone(herd), Rc::clone(herd), Rc::clone(herd), Rc::clone(herd));
    tasks.spawn_local(async move {
        let config = watcher::Config::default().labels(&pods.selector);
        let mut listed = BTreeSet::new();
        follow(pods.door.api::<Pod>(), config, &pods, |event| on_pod(&pods, &mut listed, event)).await;
    });
    tasks.spawn_local(async move {
        let config = watcher::Config::default().labels(&format!("{SERVICE_LABEL}={}", slices.service));
        let mut listed = BTreeSet::new();
        follow(slices.door.api::<EndpointSlice>(), config, &slices, |event| on_slice(&slices, &mut listed, event))
            .await;
    });
    if herd.has_ledger {
        tasks.spawn_local(follow_phases(phases));
    }
    tasks.spawn_local(async move {
        loop {
            clock.door.look_at_clock().await;
            tokio::time::sleep(CLOCK_PERIOD).await;
        }
    });
    tasks
}

/// A patience that does not grow.
struct Steady;

impl Iterator for Steady {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(AGAIN_AFTER)
    }
}

impl Backoff for Steady {
    fn reset(&mut self) {}
}

/// Watches for as long as it is polled; an API server that is away is asked again and again.
async fn follow<K>(api: Api<K>, config: watcher::Config, herd: &Herd, mut on: impl FnMut(Event<K>))
where
    K: Resource + Clone + serde::de::DeserializeOwned + Debug + Send + 'static,
{
    let mut events = Box::pin(watcher(api, config).backoff(Steady));
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                on(event);
                herd.touch();
            }
            Err(watcher::Error::WatchError(status)) => {
                herd.note(&format!("a watch was begun anew: {}", status.message));
            }
            Err(_) => herd.note("the API server was away for a while: times of that while were heard late"),
        }
    }
}

fn on_pod(herd: &Herd, listed: &mut BTreeSet<String>, event: Event<Pod>) {
    match event {
        Event::Init => listed.clear(),
        Event::Apply(pod) => herd.apply(&pods::see(&pod, &herd.container)),
        Event::InitApply(pod) => {
            let seen = pods::see(&pod, &herd.container);
            listed.insert(seen.uid.clone());
            herd.apply(&seen);
        }
        Event::Delete(pod) => {
            let seen = pods::see(&pod, &herd.container);
            herd.apply(&seen);
            herd.forget(&seen.uid);
        }
        Event::InitDone => {
            let known: Vec<_> = herd.lives.facts().into_iter().filter_map(|life| Some(life.pod?.uid)).collect();
            known.iter().filter(|uid| !listed.contains(*uid)).for_each(|uid| herd.forget(uid));
            herd.synced.set(Synced { pods: true, ..herd.synced.get() });
        }
    }
}

fn on_slice(herd: &Herd, listed: &mut BTreeSet<String>, event: Event<EndpointSlice>) {
    let out = {
        let mut known = herd.slices.borrow_mut();
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
                herd.synced.set(Synced { slices: true, ..herd.synced.get() });
                known.keep(listed)
            }
        }
    };
    herd.lives.taken_out(herd.stage.now(), &out);
}

/// Reads the phase of each pod that leaves, as long as it answers.
async fn follow_phases(herd: Rc<Herd>) {
    loop {
        tokio::time::sleep(PHASE_PERIOD).await;
        let lives = herd.lives.each();
        let leaving = lives.iter().filter(|life| {
            let life = life.borrow();
            life.exited.is_none() && life.marked.or(life.signalled).is_some()
        });
        let looks = leaving.map(async |life| {
            let Some(name) = life.borrow().pod.as_ref().map(|pod| pod.name.clone()) else { return };
            let Ok(text) = herd.door.pod(Method::GET, &name, herd.admin_port, "/drain").await else { return };
            let Ok(document) = Document::parse(&text) else { return };
            let mut life = life.borrow_mut();
            // A pod that was told without being deleted may not have heard it yet.
            if life.exited.is_none() && document.phase != "ready" {
                life.see_phase(&document.phase, herd.stage.now());
                life.ledger = Some((LedgerSource::DrainEndpoint, document.ledger));
            }
        });
        future::join_all(looks).await;
    }
}
