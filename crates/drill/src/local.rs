//! A drill on one machine: replicas as processes, each on its own loopback address.
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

use anyhow::{Context, anyhow};
use lameduck_load::{Lag, Load, LoadPlan, Period, Record, Stage};
use tokio::sync::watch;

use self::fleet::Fleet;
use crate::driver::{self, Found, Patience, Target};
use crate::exit::Failure;
use crate::facts::{RunFacts, Setting, Shown};
use crate::live_view::LiveView;
use crate::plan::local::{LocalPlan, LocalRun, Rollouts};

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

/// The replicas that are left after the load serve nobody; they may take this long to leave.
const LAST_GRACE: Duration = Duration::from_secs(10);

/// Processes on this machine, and clients that are threads of this one.
struct Local {
    fleet: Fleet,
    way: Rollouts,
    stage: Arc<Stage>,
    plan: Arc<LoadPlan>,
    load: Option<Load>,
    /// What a replica gets to leave in after the load.
    last_grace: Duration,
}

/// Does one run of the plan: replicas up, load on, restarts, load off, ledgers read, replicas gone.
///
/// # Errors
/// The command cannot be started, a replica never becomes ready, or the load cannot be started.
pub(crate) async fn run(
    plan: &LocalPlan,
    run: &LocalRun,
    view: &Rc<LiveView>,
    interrupted: watch::Receiver<bool>,
) -> Result<RunFacts, Failure> {
    let stage = Arc::new(run.way.stage());
    let mut local = Local {
        fleet: Fleet::new(plan, run, &stage, view)?,
        way: run.way.clone(),
        stage: Arc::clone(&stage),
        plan: Arc::new(plan.load.clone()),
        load: None,
        last_grace: plan.target.told_grace.min(LAST_GRACE),
    };
    driver::run(&mut local, (run, &plan.load), &stage, view, interrupted).await
}

impl Target for Local {
    fn shown(&self) -> Shown {
        self.fleet.replicas()
    }

    async fn prepare(&mut self) -> Result<(), Failure> {
        self.fleet.start_all().await
    }

    async fn start_load(&mut self) -> anyhow::Result<()> {
        let load = Load::start(&self.plan, &self.stage, 0..self.plan.threads).context("failed to start the load")?;
        self.load = Some(load);
        Ok(())
    }

    async fn enter_period(&self, period: Period) {
        self.stage.enter_period(period);
    }

    async fn make_leave(&self) -> anyhow::Result<()> {
        for number in 1..=self.way.rollouts {
            rollout::roll(&self.fleet, &self.way, number).await.map_err(|failure| failure.error)?;
        }
        Ok(())
    }

    async fn stop_load(&mut self, patience: Patience) -> anyhow::Result<(Record, Lag)> {
        let load = self.load.take().ok_or_else(|| anyhow!("the load was never started"))?;
        load.stop(Instant::now() + patience.requests).await
    }

    async fn read_ledgers(&self) {
        self.fleet.read_ledgers().await;
        // Their reports are the last word of those that are left.
        self.fleet.end(self.last_grace).await;
    }

    fn found(&self) -> Found {
        Found {
            setting: Setting::Local(self.way.clone()),
            replicas: self.fleet.facts(),
            restarts: self.fleet.restarts(),
        }
    }

    async fn end(&mut self) -> Vec<String> {
        self.fleet.end(Duration::ZERO).await;
        Vec::new()
    }
}
