//! The driver of restarts on one machine: replicas as processes, each on its own loopback address.
//!
//! It knows the command, signals, addresses and the public surfaces of the service, and hands out facts. The load knows
//! nothing of it but the endpoint table.

mod fleet;
pub(crate) mod keys;
mod replica;
mod rollout;

use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use lameduck_load::{Load, Period};
use tokio::sync::watch;

use self::fleet::Fleet;
use self::rollout::Interrupted;
use crate::exit::Failure;
use crate::facts::{RunFacts, Setting};
use crate::interrupt::{self, until_set};
use crate::live_view::LiveView;
use crate::plan::{Plan, RunPlan};

/// Loopback addresses in use: 127.0.1.1 and up, taken in turn, like the addresses of pods.
pub(crate) const ADDRESSES: u16 = 250;
/// Whether all of 127.0.0.0/8 is this machine. Elsewhere replicas share 127.0.0.1 and differ in their ports.
const HAS_ADDRESSES: bool = cfg!(target_os = "linux");
/// How far the ports of two replicas are apart unless the command line says otherwise.
pub(crate) const PORT_STEP: u16 = if HAS_ADDRESSES { 0 } else { 10 };

/// The address of the replica in this place of the round.
fn address(place: u16) -> Ipv4Addr {
    if HAS_ADDRESSES { Ipv4Addr::new(127, 0, 1, (place % ADDRESSES) as u8 + 1) } else { Ipv4Addr::LOCALHOST }
}

/// Runs one run of the plan: replicas up, load on, restarts, load off, ledgers read, replicas gone.
///
/// Whatever happens, no process it started is left when it returns.
///
/// # Errors
/// The command cannot be started, a replica never becomes ready, or the load cannot be started.
pub(crate) async fn run(
    plan: &Plan,
    run: &RunPlan,
    view: &Rc<LiveView>,
    interrupted: watch::Receiver<bool>,
) -> Result<RunFacts, Failure> {
    let stage = Arc::new(run.stage());
    let fleet = Fleet::new(plan, run, &stage, view)?;
    view.begin(&run.name, &stage, fleet.replicas());
    let started = tokio::select! {
        started = fleet.start_all() => started,
        () = until_set(interrupted.clone()) => {
            fleet.end(Duration::ZERO).await;
            return Err(Failure::invalid(anyhow::anyhow!("interrupted before the load began")));
        }
    };
    if let Err(failure) = started {
        fleet.end(Duration::ZERO).await;
        return Err(failure);
    }
    let facts = under_load(plan, run, &fleet, interrupted).await;
    fleet.end(Duration::ZERO).await;
    view.finish();
    facts
}

async fn under_load(
    plan: &Plan,
    run: &RunPlan,
    fleet: &Fleet,
    interrupted: watch::Receiver<bool>,
) -> Result<RunFacts, Failure> {
    let stage = fleet.stage();
    let begun = stage.now();
    let load = Load::start(&Arc::new(plan.load.clone()), stage, 0..plan.load.threads)
        .context("failed to start the load")
        .map_err(Failure::invalid)?;
    let rolled = tokio::select! {
        rolled = restarts(run, fleet) => rolled,
        () = until_set(interrupted) => Err(Interrupted::ByPerson),
    };
    let patience = match rolled {
        Ok(()) => plan.load.timeout,
        Err(_) => interrupt::PATIENCE,
    };
    let ended = stage.now();
    let stopped = load.stop(Instant::now() + patience).await;
    let (record, lag) = stopped.map_err(Failure::invalid)?;
    let interrupted = match rolled {
        Ok(()) => {
            fleet.read_ledgers().await;
            fleet.end(plan.target.told_grace.min(LAST_GRACE)).await;
            false
        }
        Err(Interrupted::ByPerson) => true,
        Err(Interrupted::Failed(failure)) => return Err(failure),
    };
    Ok(RunFacts {
        setting: Setting::Local(run.clone()),
        record,
        lag,
        replicas: fleet.facts(),
        restarts: fleet.restarts(),
        load: (begun, ended),
        offered: plan.load.offered(),
        interrupted,
    })
}

/// The replicas that are left serve nobody; they may take this long to leave.
const LAST_GRACE: Duration = Duration::from_secs(10);

async fn restarts(run: &RunPlan, fleet: &Fleet) -> Result<(), Interrupted> {
    let stage = fleet.stage();
    tokio::time::sleep(run.warm_up).await;
    stage.enter_period(Period::During);
    for number in 1..=run.rollouts {
        rollout::roll(fleet, run, number).await?;
    }
    stage.enter_period(Period::After);
    tokio::time::sleep(run.cool_down).await;
    Ok(())
}
