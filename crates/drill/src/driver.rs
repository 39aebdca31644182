//! One run, the same for every target: replicas are made ready, put under load, made to leave, and asked what they
//! counted; at the end everything is taken back, however the run ended.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use lameduck_load::{Lag, LoadPlan, Period, Record, Stage};
use tokio::sync::watch;

use crate::exit::Failure;
use crate::facts::{ReplicaFacts, RunFacts, Setting, Shown};
use crate::interrupt::{self, until_set};
use crate::live_view::LiveView;
use crate::plan::Run;

/// Longest wait, beyond the requests' own time-out, for the clients' record: an API server may be away.
const RECORD_WITHIN: Duration = Duration::from_secs(120);
/// The same for a person who wants the drill to end.
const RECORD_SOON: Duration = Duration::from_secs(10);

/// What is drilled: replicas that can be made to leave, and clients that send them requests.
pub(crate) trait Target {
    /// The replicas, for whoever shows them while they change.
    fn shown(&self) -> Shown;

    /// Brings everything into the state in which the load may begin.
    ///
    /// # Errors
    /// What is not in that state, and why.
    async fn prepare(&mut self) -> Result<(), Failure>;

    /// Lets requests fall due.
    ///
    /// # Errors
    /// The clients cannot be started.
    async fn start_load(&mut self) -> anyhow::Result<()>;

    /// What ends from now on counts into this period.
    async fn enter_period(&self, period: Period);

    /// Makes replicas leave as often as the plan says; returns when the last one has.
    ///
    /// # Errors
    /// What did not happen.
    async fn make_leave(&self) -> anyhow::Result<()>;

    /// Lets no further request fall due, and hands over what the clients saw.
    ///
    /// # Errors
    /// What they saw is lost.
    async fn stop_load(&mut self, patience: Patience) -> anyhow::Result<(Record, Lag)>;

    /// Reads what the replicas counted, now that nothing moves.
    async fn read_ledgers(&self);

    /// What is known of the replicas.
    fn found(&self) -> Found;

    /// Takes back what it made or changed. Returns what could not be taken back, as a person has to do it.
    async fn end(&mut self) -> Vec<String>;
}

/// How long a load may take to end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For the requests in flight.
    pub(crate) requests: Duration,
    /// For the record, once they have ended.
    pub(crate) record: Duration,
}

/// What a target knows at the end of a run.
pub(crate) struct Found {
    pub(crate) setting: Setting,
    pub(crate) replicas: Vec<ReplicaFacts>,
    /// Restarts begun.
    pub(crate) restarts: u32,
}

/// Why the part under load did not come to its end.
enum Unfinished {
    ByPerson,
    Problem(anyhow::Error),
}

/// Does one run. Whatever happens, nothing of it is left when it returns, or the facts and the failure say what is.
///
/// # Errors
/// The target cannot be prepared, or the load cannot be started.
pub(crate) async fn run<W>(
    target: &mut impl Target,
    (run, load): (&Run<W>, &LoadPlan),
    stage: &Arc<Stage>,
    view: &Rc<LiveView>,
    interrupted: watch::Receiver<bool>,
) -> Result<RunFacts, Failure> {
    view.begin(&run.name, stage, target.shown());
    let prepared = tokio::select! {
        prepared = target.prepare() => prepared,
        () = until_set(interrupted.clone()) => Err(Failure::invalid(anyhow!("interrupted before the load began"))),
    };
    let facts = match prepared {
        Ok(()) => under_load(target, (run, load), stage, interrupted).await,
        Err(failure) => Err(failure),
    };
    let left_behind = target.end().await;
    view.finish();
    if left_behind.is_empty() {
        return facts;
    }
    let problem = format!("LEFT BEHIND, to be done by hand: {}", left_behind.join("; "));
    match facts {
        Ok(facts) => Ok(RunFacts { problem: Some(join(facts.problem, &problem)), ..facts }),
        Err(failure) => Err(Failure { error: failure.error.context(problem), ..failure }),
    }
}

async fn under_load<W>(
    target: &mut impl Target,
    (run, load): (&Run<W>, &LoadPlan),
    stage: &Stage,
    interrupted: watch::Receiver<bool>,
) -> Result<RunFacts, Failure> {
    target.start_load().await.map_err(Failure::invalid)?;
    let begun = stage.now();
    let left = tokio::select! {
        left = periods(target, run) => left.map_err(Unfinished::Problem),
        () = until_set(interrupted) => Err(Unfinished::ByPerson),
    };
    let ended = stage.now();
    let patience = match left {
        Err(Unfinished::ByPerson) => Patience { requests: interrupt::PATIENCE, record: RECORD_SOON },
        Ok(()) | Err(Unfinished::Problem(_)) => Patience { requests: load.timeout, record: RECORD_WITHIN },
    };
    // What the replicas did is worth telling even if what the clients saw is lost.
    let (record, lag, unread) = match target.stop_load(patience).await {
        Ok((record, lag)) => (record, lag, None),
        Err(problem) => (Record::new(), Lag::new(), Some(format!("{problem:#}"))),
    };
    let (interrupted, problem) = match left {
        Ok(()) => (false, None),
        Err(Unfinished::ByPerson) => (true, None),
        Err(Unfinished::Problem(problem)) => (false, Some(format!("{problem:#}"))),
    };
    if !interrupted {
        target.read_ledgers().await;
    }
    let Found { setting, replicas, restarts } = target.found();
    Ok(RunFacts {
        name: run.name.clone(),
        role: run.role,
        setting,
        record,
        lag,
        replicas,
        restarts,
        load: (begun, ended),
        offered: load.offered(),
        interrupted,
        problem: match unread {
            Some(unread) => Some(join(problem, &unread)),
            None => problem,
        },
    })
}

/// Warm-up, everybody leaves, the last one has gone, cool-down.
async fn periods<W>(target: &impl Target, run: &Run<W>) -> anyhow::Result<()> {
    tokio::time::sleep(run.warm_up).await;
    target.enter_period(Period::During).await;
    target.make_leave().await?;
    target.enter_period(Period::After).await;
    tokio::time::sleep(run.cool_down).await;
    Ok(())
}

/// Two things that went wrong, in one sentence.
fn join(first: Option<String>, second: &str) -> String {
    first.map_or_else(|| second.to_owned(), |first| format!("{first}; {second}"))
}
