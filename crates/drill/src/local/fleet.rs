//! All replicas of a run: who holds which place, and everything that needs to know more than one of them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use lameduck_load::{Endpoint, Random, ReplicaId, Stage};
use tempfile::TempDir;

use super::ADDRESSES;
use super::replica::{Replica, ReplicaSpec};
use crate::exit::Failure;
use crate::facts::{ReplicaFacts, Shown};
use crate::live_view::LiveView;
use crate::placeholders::Values;
use crate::plan::local::{LocalPlan, LocalRun, Readiness};
use crate::probe;
use crate::values::words;

/// The replicas of a run.
pub(crate) struct Fleet {
    plan: LocalPlan,
    run: LocalRun,
    stage: Arc<Stage>,
    view: Rc<LiveView>,
    /// Report files, and what replicas print unless `--logs` keeps it.
    directory: TempDir,
    random: RefCell<Random>,
    all: RefCell<Vec<Rc<Replica>>>,
    shown: Shown,
    restarts: Cell<u32>,
}

impl Fleet {
    pub(crate) fn new(
        plan: &LocalPlan,
        run: &LocalRun,
        stage: &Arc<Stage>,
        view: &Rc<LiveView>,
    ) -> Result<Self, Failure> {
        let directory = tempfile::Builder::new().prefix("lameduck-drill-").tempdir();
        let directory = directory.context("failed to make a temporary directory").map_err(Failure::usage)?;
        if let Some(logs) = &plan.target.logs {
            let made = std::fs::create_dir_all(logs);
            made.with_context(|| format!("--logs {}: cannot be made", logs.display())).map_err(Failure::usage)?;
        }
        Ok(Self {
            plan: plan.clone(),
            run: run.clone(),
            stage: Arc::clone(stage),
            view: Rc::clone(view),
            directory,
            random: RefCell::new(Random::new(plan.load.seed, u64::MAX)),
            all: RefCell::default(),
            shown: Rc::default(),
            restarts: Cell::new(0),
        })
    }

    pub(crate) fn replicas(&self) -> Shown {
        Rc::clone(&self.shown)
    }

    pub(crate) fn say(&self, line: &str) {
        self.view.say(line);
    }

    pub(crate) fn count_restart(&self) {
        self.restarts.set(self.restarts.get() + 1);
    }

    pub(crate) fn restarts(&self) -> u32 {
        self.restarts.get()
    }

    /// The youngest replica of a place.
    pub(crate) fn current(&self, slot: u16) -> Option<Rc<Replica>> {
        self.all.borrow().iter().rev().find(|replica| replica.facts.borrow().slot == slot).cloned()
    }

    pub(crate) fn facts(&self) -> Vec<ReplicaFacts> {
        self.all.borrow().iter().map(|replica| replica.facts.borrow().clone()).collect()
    }

    /// Starts the first generation, all at once.
    pub(crate) async fn start_all(&self) -> Result<(), Failure> {
        let born: Vec<_> = (0..self.run.way.replicas).map(|slot| self.spawn(slot)).collect::<Result<_, _>>()?;
        for replica in &born {
            self.until_ready(replica).await?;
        }
        self.say(&format!("{} replicas are ready", born.len()));
        Ok(())
    }

    /// Starts one replica and waits until it is ready and in the table.
    pub(crate) async fn start(&self, slot: u16) -> Result<(), Failure> {
        let replica = self.spawn(slot)?;
        self.until_ready(&replica).await
    }

    /// Marks a replica: its endpoint goes, view by view, and the signal follows.
    pub(crate) fn leave(&self, replica: &Rc<Replica>) {
        let delays = (0..self.run.way.service.views).map(|_| self.delay()).collect();
        self.say(&format!("{} leaves", replica.name()));
        replica.leave(delays, self.run.way.service, self.run.way.restart);
    }

    /// Reads what the services say of themselves now that nothing moves.
    pub(crate) async fn read_ledgers(&self) {
        if self.plan.has_ledger {
            let all = self.all.borrow().clone();
            for replica in all.iter().filter(|replica| replica.facts.borrow().exited.is_none()) {
                replica.read_documents().await;
            }
        }
    }

    /// Ends whatever runs: asked first if there is time for it, killed otherwise.
    pub(crate) async fn end(&self, patience: Duration) {
        let all = self.all.borrow().clone();
        for replica in &all {
            replica.end(patience, self.plan.has_ledger);
        }
        for replica in &all {
            replica.has_exited().await;
        }
    }

    fn delay(&self) -> Duration {
        self.run.way.service.propagation.draw(&mut self.random.borrow_mut())
    }

    fn spawn(&self, slot: u16) -> Result<Rc<Replica>, Failure> {
        let number = self.all.borrow().len() as u16;
        let spec = self.spec(slot, number)?;
        let replica = Replica::spawn(spec, &self.stage)?;
        self.all.borrow_mut().push(Rc::clone(&replica));
        self.shown.borrow_mut().push(Rc::clone(&replica.facts));
        let delays = (0..self.run.way.service.views).map(|_| self.delay()).collect();
        replica.watch(&self.plan.target, delays);
        Ok(replica)
    }

    async fn until_ready(&self, replica: &Rc<Replica>) -> Result<(), Failure> {
        let patience = self.plan.target.ready_timeout;
        tokio::select! {
            ready = tokio::time::timeout(patience, replica.is_ready()) => if ready.is_ok_and(|ready| ready) {
                return Ok(());
            },
            () = replica.is_no_lameduck() => {
                return Err(Failure::invalid(anyhow!(
                    "{} listens, but not on its admin port {}: pass --preset plain if it is not built on lameduck{}",
                    replica.name(),
                    self.plan.target.ports.admin,
                    replica.last_words()
                )));
            }
        }
        let (name, last_words) = (replica.name(), replica.last_words());
        let facts = replica.facts.borrow();
        let problem = match facts.status {
            Some(status) => format!("{name} ended before it was ready ({status})"),
            None => format!(
                "{name} was not ready within {}: {}; set --ready to the URL of its readiness, or --preset to the kind of service",
                words(patience),
                replica.last_probe()
            ),
        };
        Err(Failure::invalid(anyhow!("{problem}{last_words}")))
    }

    fn spec(&self, slot: u16, number: u16) -> Result<ReplicaSpec, Failure> {
        let ports = self.plan.target.ports;
        let place = number % ADDRESSES;
        let host = super::address(place);
        let port = |port: u16| port + ports.step * place;
        let values = Values {
            host: host.into(),
            port: port(ports.http),
            admin_port: port(ports.admin),
            index: number,
            grace: words(self.plan.target.told_grace),
            pre_stop: words(self.run.way.service.pre_stop),
            report_file: self.directory.path().join(format!("report-{number}.json")),
        };
        let fill = |text: &str| values.fill(text).map_err(Failure::usage);
        let command = self.plan.target.command.iter().map(|part| fill(part)).collect::<Result<Vec<_>, _>>()?;
        let mut env = Vec::new();
        for (key, value) in self.plan.target.env.iter().chain(&self.run.way.env) {
            env.push((key.clone(), fill(value)?));
        }
        let readiness = match &self.plan.target.readiness {
            Readiness::Tcp => None,
            Readiness::Http(url) => Some(probe::split_url(&fill(url)?).map_err(Failure::usage)?),
        };
        let logs = self.plan.target.logs.as_deref().unwrap_or(self.directory.path());
        Ok(ReplicaSpec {
            endpoint: Endpoint { replica: ReplicaId(number), address: (host, values.port).into() },
            admin: (host, values.admin_port).into(),
            slot,
            command,
            env,
            readiness,
            probe_headers: self.plan.target.probe_headers.clone(),
            as_init: self.plan.target.as_init,
            log: logs.join(format!("{}-{number}.log", self.run.name)),
            report_file: values.report_file,
            has_ledger: self.plan.has_ledger,
        })
    }
}
