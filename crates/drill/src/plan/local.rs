//! A drill of processes on this machine.

use std::path::PathBuf;
use std::time::Duration;

use lameduck_load::{Random, Stage};

use super::{Plan, Run};
use crate::process::AsInit;
use crate::scenario::Scenario;

/// A whole drill of one command.
pub(crate) type LocalPlan = Plan<Processes, Rollouts>;

/// One run of it, on fresh replicas.
pub(crate) type LocalRun = Run<Rollouts>;

/// Restarts, one replica after the other.
#[derive(Clone, Debug)]
pub(crate) struct Rollouts {
    pub(crate) scenario: Option<Scenario>,
    /// Set for every replica of this run.
    pub(crate) env: Vec<(String, String)>,
    pub(crate) replicas: u16,
    pub(crate) rollouts: u32,
    /// Between the steps of a rollout.
    pub(crate) pause: Duration,
    pub(crate) wait_for_exit: bool,
    pub(crate) restart: Restart,
    pub(crate) service: Service,
}

impl Rollouts {
    /// A fresh stage for the load of a run.
    pub(crate) fn stage(&self) -> Stage {
        Stage::new(self.service.views)
    }
}

/// What happens to a replica in its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    /// Replaced, and told to leave by SIGTERM.
    Term,
    /// As `Term`, and told again after a while.
    TermTwice { after: Duration },
    /// Replaced, and killed where SIGTERM would have come.
    Kill,
    /// Killed without notice; replaced afterwards.
    Crash,
    /// Stopped for a while and continued; not replaced.
    Freeze { lasting: Duration },
}

/// The Service and the kubelet as they are modelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    /// Views of the endpoint table: nodes, each with its own kube-proxy.
    pub(crate) views: usize,
    /// From the mark to the removal from a view.
    pub(crate) propagation: Propagation,
    /// From the mark to the signal.
    pub(crate) pre_stop: Duration,
    /// From the mark to SIGKILL.
    pub(crate) grace: Duration,
}

/// A range of delays; each view draws its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Propagation {
    pub(crate) least: Duration,
    pub(crate) most: Duration,
}

impl Propagation {
    pub(crate) fn draw(&self, random: &mut Random) -> Duration {
        self.least + self.most.saturating_sub(self.least).mul_f64(random.unit())
    }
}

/// What is started, and how it is asked whether it is ready.
#[derive(Clone, Debug)]
pub(crate) struct Processes {
    /// The command of a replica; may have placeholders.
    pub(crate) command: Vec<String>,
    /// Set for every replica, before a run's own; values may have placeholders.
    pub(crate) env: Vec<(String, String)>,
    pub(crate) ports: Ports,
    pub(crate) readiness: Readiness,
    /// Sent with every probe of readiness.
    pub(crate) probe_headers: Vec<(String, String)>,
    pub(crate) as_init: AsInit,
    pub(crate) ready_timeout: Duration,
    pub(crate) probe_period: Duration,
    /// The grace period the command is told, which a scenario may cut short.
    pub(crate) told_grace: Duration,
    /// Keeps the replicas' output; otherwise it is forgotten with the run.
    pub(crate) logs: Option<PathBuf>,
}

/// Ports of each replica. With a step of 0 all replicas share them, each on its own address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) http: u16,
    pub(crate) admin: u16,
    pub(crate) step: u16,
}

/// How readiness is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// GET answers with a status below 400; the URL may have placeholders.
    Http(String),
    /// The port accepts connections.
    Tcp,
}
