//! The load of a cluster drill, wherever it comes from.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};

use lameduck_load::{Endpoint, Lag, Load, LoadPlan, Period, Record, ReplicaId, Stage};
use tokio::task::JoinSet;

use super::Cluster;
use super::load_pods::LoadPods;
use super::undo::Undo;
use crate::driver::Patience;
use crate::facts::ClockFacts;
use crate::plan::cluster::{ClusterPlan, Health, Source, Upstream};
use crate::probe;

/// Between two health checks, and the longest wait for one, as load balancers have them by default or better.
const HEALTH_PERIOD: Duration = Duration::from_secs(1);

/// The load, prepared or running. Dropped, it stops asking; a load in pods then ends with its Job.
pub(super) enum Loading {
    Here { plan: Arc<LoadPlan>, load: Option<Load>, words: String, _health: JoinSet<()> },
    Pods { pods: Rc<LoadPods>, _asking: JoinSet<()> },
}

impl Loading {
    /// Prepares the load: pods that wait for their order, or addresses that are known here.
    ///
    /// # Errors
    /// Pods do not come up; a host is not known.
    pub(super) async fn prepare(
        cluster: &Cluster,
        plan: &ClusterPlan,
        stage: &Arc<Stage>,
        undo: &Undo,
    ) -> anyhow::Result<Self> {
        match &plan.target.source {
            Source::Here(ways) => {
                let mut load = plan.load.clone();
                if let [Upstream { authority, .. }] = ways.as_slice() {
                    load.shape.host.get_or_insert_with(|| authority.clone());
                }
                let mut health = JoinSet::new();
                for (number, way) in (0..).zip(ways) {
                    enter(stage, number, way, &mut health).await?;
                }
                let all: Vec<_> = ways.iter().map(|way| way.authority.as_str()).collect();
                let words = format!("this machine through {}", all.join(", "));
                Ok(Self::Here { plan: Arc::new(load), load: None, words, _health: health })
            }
            Source::Pods(count) => {
                let address = cluster.entrance.address.context("the Service has no address")?;
                let pods = Rc::new(LoadPods::create(&cluster.client, plan, *count, address, undo).await?);
                let (asked, stage, mut asking) = (Rc::clone(&pods), Arc::clone(stage), JoinSet::new());
                asking.spawn_local(async move { asked.follow(stage).await });
                Ok(Self::Pods { pods, _asking: asking })
            }
        }
    }

    /// Lets requests fall due.
    ///
    /// # Errors
    /// The threads cannot be started, or a pod cannot be told.
    pub(super) async fn start(&mut self, stage: &Arc<Stage>) -> anyhow::Result<()> {
        match self {
            Self::Here { plan, load, .. } => {
                *load = Some(Load::start(plan, stage, 0..plan.threads).context("failed to start the load")?);
                Ok(())
            }
            Self::Pods { pods, .. } => pods.start(stage).await,
        }
    }

    pub(super) async fn enter_period(&self, stage: &Stage, period: Period) {
        stage.enter_period(period);
        if let Self::Pods { pods, .. } = self {
            pods.enter_period(period).await;
        }
    }

    /// Lets no further request fall due, gives those in flight their time, and hands over what it saw.
    ///
    /// # Errors
    /// What it saw is lost.
    pub(super) async fn stop(&mut self, patience: Patience) -> anyhow::Result<(Record, Lag)> {
        match self {
            Self::Here { load, .. } => {
                let load = load.take().ok_or_else(|| anyhow!("the load was never started"))?;
                load.stop(Instant::now() + patience.requests).await
            }
            Self::Pods { pods, .. } => pods.stop(patience.requests, patience.record).await,
        }
    }

    pub(super) fn clocks(&self) -> Vec<ClockFacts> {
        match self {
            Self::Here { .. } => Vec::new(),
            Self::Pods { pods, .. } => pods.clocks(),
        }
    }

    pub(super) fn words(&self) -> String {
        match self {
            Self::Here { words, .. } => words.clone(),
            Self::Pods { pods, .. } => pods.words(),
        }
    }
}

/// Enters an address into the table, for good or for as long as its health check says.
async fn enter(stage: &Arc<Stage>, number: u16, way: &Upstream, checks: &mut JoinSet<()>) -> anyhow::Result<()> {
    let endpoint = Endpoint { replica: ReplicaId(number), address: resolve(&way.authority).await? };
    let Some(Health { authority, path }) = way.health.clone() else {
        stage.table.enter(endpoint);
        return Ok(());
    };
    let asked = resolve(&authority).await?;
    let is_well =
        async move |path: &str| probe::get(asked, path, HEALTH_PERIOD).await.is_ok_and(|reply| reply.status == 200);
    if is_well(&path).await {
        stage.table.enter(endpoint);
    }
    let stage = Arc::clone(stage);
    checks.spawn_local(async move {
        loop {
            tokio::time::sleep(HEALTH_PERIOD).await;
            match is_well(&path).await {
                true => stage.table.enter(endpoint),
                false => stage.table.retire(0, endpoint, false),
            }
        }
    });
    Ok(())
}

async fn resolve(authority: &str) -> anyhow::Result<SocketAddr> {
    let mut found =
        tokio::net::lookup_host(authority).await.with_context(|| format!("{authority} is not known here"))?;
    found.next().with_context(|| format!("{authority} has no address"))
}
