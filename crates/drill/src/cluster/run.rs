//! The workload of a cluster as the target of a run.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use lameduck_load::{Lag, Period, Record, Stage};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Cluster;
use super::action::Actor;
use super::loading::Loading;
use super::pod_set::PodSet;
use super::undo::Undo;
use crate::driver::{self, Found, Patience, Target};
use crate::exit::Failure;
use crate::facts::{ClockFacts, ClusterSetting, RunFacts, Setting, Shown};
use crate::live_view::LiveView;
use crate::plan::cluster::{ClusterPlan, ClusterRun, Leaving};

/// The pods of the workload, and clients there or here.
struct Pods<'a> {
    actor: Actor<'a>,
    way: &'a Leaving,
    stage: Arc<Stage>,
    /// Prepared by `prepare`.
    loading: Option<Loading>,
    _watches: JoinSet<()>,
}

pub(super) async fn run(
    cluster: &Cluster,
    plan: &ClusterPlan,
    run: &ClusterRun,
    view: &Rc<LiveView>,
    interrupted: watch::Receiver<bool>,
) -> Result<RunFacts, Failure> {
    let stage = Arc::new(Stage::new(1));
    let (pods, watches) = PodSet::watch(cluster, plan, &stage, view);
    let undo = Undo::new(&cluster.client, &cluster.workload);
    let mut pods = Pods {
        actor: Actor { cluster, plan, pods, undo, view, evictions_refused: Cell::new(0) },
        way: &run.way,
        stage: Arc::clone(&stage),
        loading: None,
        _watches: watches,
    };
    driver::run(&mut pods, (run, &plan.load), &stage, view, interrupted).await
}

impl Target for Pods<'_> {
    fn shown(&self) -> Shown {
        self.actor.pods.history().shown()
    }

    /// The workload stands as it should, the load is ready to start, and what the pods have counted so far is known.
    async fn prepare(&mut self) -> Result<(), Failure> {
        self.loading = Some(self.ready().await.map_err(Failure::invalid)?);
        Ok(())
    }

    async fn start_load(&mut self) -> anyhow::Result<()> {
        let stage = Arc::clone(&self.stage);
        self.prepared()?.start(&stage).await
    }

    async fn enter_period(&self, period: Period) {
        match &self.loading {
            Some(loading) => loading.enter_period(&self.stage, period).await,
            None => self.stage.enter_period(period),
        }
    }

    async fn make_leave(&self) -> anyhow::Result<()> {
        let Leaving { action, times } = self.way;
        for number in 1..=*times {
            self.actor.view.say(&format!("{} {number} of {times}", action.name()));
            self.actor.act(action).await.with_context(|| action.name())?;
        }
        self.actor.pods.until_nobody_leaves(self.actor.plan.target.settle).await.with_context(|| action.name())
    }

    async fn stop_load(&mut self, patience: Patience) -> anyhow::Result<(Record, Lag)> {
        self.prepared()?.stop(patience).await
    }

    async fn read_ledgers(&self) {
        self.actor.pods.read_ledgers().await;
    }

    fn found(&self) -> Found {
        let replicas = self.actor.pods.history().facts();
        let left = replicas.iter().filter(|pod| pod.marked.or(pod.signalled).is_some()).count();
        Found { setting: Setting::Cluster(self.setting()), replicas, restarts: left as u32 }
    }

    async fn end(&mut self) -> Vec<String> {
        self.actor.undo.all().await
    }
}

impl Pods<'_> {
    async fn ready(&self) -> anyhow::Result<Loading> {
        let Actor { cluster, plan, pods, undo, view, .. } = &self.actor;
        let deadline = Instant::now() + plan.target.within;
        self.actor.wait_rolled_out(deadline).await?;
        pods.until_nobody_leaves(plan.target.settle).await.context("pods were leaving before the drill began")?;
        let loading = Loading::prepare(cluster, plan, &self.stage, undo).await?;
        view.say(&format!("{} pods serve; load from {}", pods.history().staying().len(), loading.words()));
        pods.read_baselines().await;
        Ok(loading)
    }

    fn prepared(&mut self) -> anyhow::Result<&mut Loading> {
        self.loading.as_mut().ok_or_else(|| anyhow!("the load was never prepared"))
    }

    fn setting(&self) -> ClusterSetting {
        let Actor { cluster, plan, pods, evictions_refused, .. } = &self.actor;
        let (client, entrance) = (&cluster.client, &cluster.entrance);
        let server = client.clock().map(|offset| ClockFacts { of: "the API server".to_owned(), offset });
        let clocks = self.loading.iter().flat_map(Loading::clocks);
        ClusterSetting {
            way: self.way.clone(),
            workload: format!("{} in namespace {} of {}", cluster.workload.name, client.namespace, client.context),
            service: match entrance.address {
                Some(address) => format!("{} ({address})", entrance.service),
                None => entrance.service.clone(),
            },
            version: client.version.clone(),
            source: self.loading.as_ref().map(Loading::words).unwrap_or_default(),
            exclusive: plan.target.exclusive,
            clocks: server.into_iter().chain(clocks).collect(),
            evictions_refused: evictions_refused.get(),
            notes: pods.notes(),
        }
    }
}
