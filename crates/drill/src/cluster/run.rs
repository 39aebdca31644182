//! One run in a cluster, from the first look to the last thing taken back.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use lameduck_load::{Lag, Period, Record, Stage};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Cluster;
use super::action::Actor;
use super::loading::Loading;
use super::pod_set::PodSet;
use super::undo::Undo;
use crate::exit::Failure;
use crate::facts::{ClockFacts, ClusterSetting, RunFacts, Setting};
use crate::interrupt::{self, until_set};
use crate::live_view::LiveView;
use crate::plan::cluster::{ClusterPlan, ClusterRun};

/// Longest wait, beyond the requests' own time-out, for a load pod to hand its record over: an API server may be away.
const RECORD_WITHIN: Duration = Duration::from_secs(120);
/// The same for a person who wants the drill to end.
const RECORD_SOON: Duration = Duration::from_secs(10);

/// Why the part under load did not come to its end.
enum Unfinished {
    ByPerson,
    Problem(anyhow::Error),
}

pub(super) async fn run(
    cluster: &Cluster,
    plan: &ClusterPlan,
    run: &ClusterRun,
    view: &Rc<LiveView>,
    interrupted: watch::Receiver<bool>,
) -> Result<RunFacts, Failure> {
    let stage = Arc::new(Stage::new(1));
    let undo = Undo::new(&cluster.client, &cluster.workload);
    let (pods, _watches) = PodSet::watch(cluster, plan, &stage, view);
    view.begin(&run.name, &stage, pods.history().shown());
    let actor = Actor { cluster, plan, pods: &pods, undo: &undo, view, evictions_refused: Cell::new(0) };
    let prepared = tokio::select! {
        prepared = prepare(&actor, &stage) => prepared.map_err(Failure::invalid),
        () = until_set(interrupted.clone()) => Err(Failure::invalid(anyhow!("interrupted before the load began"))),
    };
    let facts = match prepared {
        Ok(loading) => under_load(&actor, run, loading, &stage, interrupted).await,
        Err(failure) => Err(failure),
    };
    let left_behind = undo.all().await;
    view.finish();
    if left_behind.is_empty() {
        return facts;
    }
    let problem = format!("LEFT BEHIND, to be done by hand: {}", left_behind.join("; "));
    match facts {
        Ok(mut facts) => {
            if let Setting::Cluster(setting) = &mut facts.setting {
                setting.problem = Some(join(setting.problem.take(), &problem));
            }
            Ok(facts)
        }
        Err(failure) => Err(Failure { error: failure.error.context(problem), ..failure }),
    }
}

/// Two things that went wrong, in one sentence.
fn join(first: Option<String>, second: &str) -> String {
    first.map_or_else(|| second.to_owned(), |first| format!("{first}; {second}"))
}

/// The workload stands as it should, the load is ready to start, and what the pods have counted so far is known.
async fn prepare(actor: &Actor<'_>, stage: &Arc<Stage>) -> anyhow::Result<Loading> {
    let deadline = Instant::now() + actor.plan.within;
    actor.wait_rolled_out(deadline).await?;
    actor.pods.until_nobody_leaves(actor.plan.settle).await.context("pods were leaving before the drill began")?;
    let loading = Loading::prepare(actor.cluster, actor.plan, stage, actor.undo).await?;
    actor.view.say(&format!("{} pods serve; load from {}", actor.pods.history().staying().len(), loading.words()));
    actor.pods.read_baselines().await;
    Ok(loading)
}

async fn under_load(
    actor: &Actor<'_>,
    run: &ClusterRun,
    mut loading: Loading,
    stage: &Arc<Stage>,
    interrupted: watch::Receiver<bool>,
) -> Result<RunFacts, Failure> {
    let plan = actor.plan;
    loading.start(stage).await.map_err(Failure::invalid)?;
    let begun = stage.now();
    let acted = tokio::select! {
        acted = act(actor, run, &loading, stage) => acted.map_err(Unfinished::Problem),
        () = until_set(interrupted) => Err(Unfinished::ByPerson),
    };
    let ended = stage.now();
    let (patience, record_within) = match acted {
        Err(Unfinished::ByPerson) => (interrupt::PATIENCE, RECORD_SOON),
        Ok(()) | Err(Unfinished::Problem(_)) => (plan.load.timeout, RECORD_WITHIN),
    };
    // What the pods did is worth telling even if what the clients saw is lost.
    let stopped = loading.stop(patience, record_within).await;
    let (record, lag, unread) = match stopped {
        Ok((record, lag)) => (record, lag, None),
        Err(problem) => (Record::new(), Lag::new(), Some(format!("{problem:#}"))),
    };
    actor.pods.read_ledgers().await;
    let replicas = actor.pods.history().facts();
    let left = replicas.iter().filter(|pod| pod.marked.or(pod.signalled).is_some()).count();
    let (interrupted, problem) = match acted {
        Ok(()) => (false, None),
        Err(Unfinished::ByPerson) => (true, None),
        Err(Unfinished::Problem(problem)) => (false, Some(format!("{}: {problem:#}", run.action.name()))),
    };
    let problem = match unread {
        Some(unread) => Some(join(problem, &unread)),
        None => problem,
    };
    let setting = setting(actor, run, &loading, problem);
    Ok(RunFacts {
        setting: Setting::Cluster(setting),
        record,
        lag,
        replicas,
        restarts: left as u32,
        load: (begun, ended),
        offered: plan.load.offered(),
        interrupted,
    })
}

fn setting(actor: &Actor<'_>, run: &ClusterRun, loading: &Loading, problem: Option<String>) -> ClusterSetting {
    let (client, target) = (&actor.cluster.client, &actor.cluster.target);
    let server = client.clock().map(|offset| ClockFacts { of: "the API server".to_owned(), offset });
    ClusterSetting {
        run: run.clone(),
        workload: format!("{} in namespace {} of {}", actor.cluster.workload.name, client.namespace, client.context),
        service: match target.address {
            Some(address) => format!("{} ({address})", target.service),
            None => target.service.clone(),
        },
        version: client.version.clone(),
        source: loading.words(),
        exclusive: actor.plan.exclusive,
        clocks: server.into_iter().chain(loading.clocks()).collect(),
        evictions_refused: actor.evictions_refused.get(),
        notes: actor.pods.notes(),
        problem,
    }
}

/// Warm-up, the action as often as it was asked for, the last one gone, cool-down.
async fn act(actor: &Actor<'_>, run: &ClusterRun, loading: &Loading, stage: &Stage) -> anyhow::Result<()> {
    pause(run.warm_up).await;
    loading.enter_period(stage, Period::During).await;
    for number in 1..=run.times {
        actor.view.say(&format!("{} {number} of {}", run.action.name(), run.times));
        actor.act(&run.action).await?;
    }
    actor.pods.until_nobody_leaves(actor.plan.settle).await?;
    loading.enter_period(stage, Period::After).await;
    pause(run.cool_down).await;
    Ok(())
}

async fn pause(lasting: Duration) {
    tokio::time::sleep(lasting).await;
}
