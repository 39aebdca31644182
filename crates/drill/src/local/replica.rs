//! One replica: its process, the tasks that watch it, and how it is made to leave.

mod leaving;
mod watching;

use std::cell::RefCell;
use std::fs::File;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use lameduck_load::{Endpoint, Stage};
use tokio::process::Child;
use tokio::sync::watch;

use crate::exit::Failure;
use crate::facts::{ExitStatus, ReplicaFacts};
use crate::process::{self, AsInit, Started};

/// Everything that is decided about a replica before it is started.
#[derive(Debug)]
pub(crate) struct ReplicaSpec {
    pub(crate) endpoint: Endpoint,
    pub(crate) admin: SocketAddr,
    pub(crate) slot: u16,
    pub(crate) command: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    /// Where readiness is asked for; `None`: the work port accepts.
    pub(crate) readiness: Option<(SocketAddr, String)>,
    /// Sent with the question.
    pub(crate) probe_headers: Vec<(String, String)>,
    pub(crate) as_init: AsInit,
    pub(crate) log: PathBuf,
    pub(crate) report_file: PathBuf,
    pub(crate) has_ledger: bool,
}

/// A replica and its watchers.
pub(crate) struct Replica {
    pub(crate) facts: Rc<RefCell<ReplicaFacts>>,
    spec: ReplicaSpec,
    stage: Arc<Stage>,
    child: RefCell<Option<Child>>,
    ready: watch::Sender<bool>,
    exited: watch::Sender<bool>,
    last_probe: RefCell<String>,
}

impl Replica {
    /// Starts the process.
    ///
    /// # Errors
    /// The port is in use, or the program cannot be started.
    pub(crate) fn spawn(spec: ReplicaSpec, stage: &Arc<Stage>) -> Result<Rc<Self>, Failure> {
        let address = spec.endpoint.address;
        // Asked before the start: the words of a program that cannot bind are its own.
        TcpListener::bind(address)
            .with_context(|| format!("{address} cannot be bound; choose another --port"))
            .map_err(Failure::usage)?;
        let log = File::create(&spec.log).with_context(|| format!("failed to write {}", spec.log.display()));
        let log = log.map_err(Failure::usage)?;
        let (started, is_init) = start(&spec, &log)?;
        let mut facts = ReplicaFacts::new(spec.endpoint.replica, spec.slot, address, stage.now());
        (facts.pid, facts.is_init) = (started.pid, is_init);
        facts.see_phase("starting", facts.started);
        Ok(Rc::new(Self {
            facts: Rc::new(RefCell::new(facts)),
            spec,
            stage: Arc::clone(stage),
            child: RefCell::new(Some(started.child)),
            ready: watch::Sender::new(false),
            exited: watch::Sender::new(false),
            last_probe: RefCell::new("it has not been asked yet".to_owned()),
        }))
    }

    pub(crate) fn name(&self) -> String {
        format!("replica {} ({})", self.spec.endpoint.replica.0, self.spec.endpoint.address)
    }

    /// Waits until readiness was seen; false once it cannot come any more.
    pub(crate) async fn is_ready(&self) -> bool {
        let (mut ready, mut exited) = (self.ready.subscribe(), self.exited.subscribe());
        tokio::select! {
            ready = ready.wait_for(|ready| *ready) => ready.is_ok(),
            _ = exited.wait_for(|exited| *exited) => false,
        }
    }

    /// Waits until the process has ended and was waited for.
    pub(crate) async fn has_exited(&self) {
        // The sender lives as long as `self`.
        let _ = self.exited.subscribe().wait_for(|exited| *exited).await;
    }

    pub(crate) fn last_probe(&self) -> String {
        self.last_probe.borrow().clone()
    }

    /// The end of what it printed, for a person who has to find out why.
    pub(crate) fn last_words(&self) -> String {
        process::last_words(&self.spec.log)
    }

    fn is_alive(&self) -> bool {
        self.facts.borrow().exited.is_none()
    }

    /// Sends a signal as long as the process has not been waited for.
    fn signal(&self, signal: process::Signal) {
        if self.is_alive() {
            process::send(self.facts.borrow().pid, signal);
        }
    }

    /// Takes the endpoint out of each view after its own delay.
    fn retire(self: &Rc<Self>, delays: Vec<std::time::Duration>) {
        for (view, delay) in delays.into_iter().enumerate() {
            let replica = Rc::clone(self);
            tokio::task::spawn_local(async move {
                tokio::time::sleep(delay).await;
                let serving = replica.is_alive() && *replica.ready.borrow();
                replica.stage.table.retire(view, replica.spec.endpoint, serving);
                let now = replica.stage.now();
                let mut facts = replica.facts.borrow_mut();
                facts.removed = Some(facts.removed.map_or((now, now), |(first, _)| (first, now)));
            });
        }
    }
}

/// Starts the command, as process 1 where that is wanted and allowed.
fn start(spec: &ReplicaSpec, log: &File) -> Result<(Started, bool), Failure> {
    if spec.as_init != AsInit::Never {
        match process::spawn_as_init(&spec.command, &spec.env, log) {
            Ok(started) => return Ok((started, true)),
            Err(error) if spec.as_init == AsInit::Always && error.kind() != ErrorKind::NotFound => {
                return Err(Failure::usage(anyhow!(
                    "--pid1 always: the command cannot be process 1 here: {error}; --pid1 never runs it as it is"
                )));
            }
            // Not allowed here, or the command is at fault: then the next attempt says so.
            Err(_) => {}
        }
    }
    let program = spec.command.first().cloned().unwrap_or_default();
    let started = process::spawn(&spec.command, &spec.env, log).map_err(|error| {
        Failure::usage(match error.kind() == ErrorKind::NotFound {
            true => anyhow!("command not found: {program}"),
            false => anyhow!("{program} cannot be started: {error}"),
        })
    })?;
    Ok((started, false))
}

impl std::fmt::Display for ExitStatus {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(out, "exit code {code}"),
            (None, Some(signal)) => write!(out, "signal {signal}"),
            (None, None) => out.write_str("ended in an unknown way"),
        }
    }
}

impl From<std::process::ExitStatus> for ExitStatus {
    fn from(status: std::process::ExitStatus) -> Self {
        #[cfg(unix)]
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        #[cfg(not(unix))]
        let signal = None;
        Self { code: status.code(), signal }
    }
}
