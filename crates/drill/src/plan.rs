//! What a drill is going to do, checked: nothing below this needs to doubt an option.

pub(crate) mod cluster;

use std::path::PathBuf;
use std::time::Duration;

use lameduck_load::{LoadPlan, Random, Stage};

use crate::process::AsInit;
use crate::scenario::Scenario;

/// A whole drill: the runs one after the other, and where the results go.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) command: Vec<String>,
    pub(crate) runs: Vec<RunPlan>,
    pub(crate) target: Target,
    pub(crate) load: LoadPlan,
    pub(crate) limits: Limits,
    pub(crate) outputs: Outputs,
}

/// Whether a run is judged, or judges the drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Must lose nothing.
    Subject,
    /// Must lose something, or the drill cannot see losses and its verdict is worth nothing.
    Control,
    /// A named scenario, which says itself what must hold.
    Scenario,
}

/// One run: the same load on fresh replicas, with its own environment and its own way of restarting.
#[derive(Clone, Debug)]
pub(crate) struct RunPlan {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) scenario: Option<Scenario>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) replicas: u16,
    pub(crate) rollouts: u32,
    /// Between the steps of a rollout.
    pub(crate) pause: Duration,
    pub(crate) wait_for_exit: bool,
    pub(crate) restart: Restart,
    pub(crate) service: Service,
    pub(crate) warm_up: Duration,
    pub(crate) cool_down: Duration,
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
pub(crate) struct Target {
    /// Set for every replica, before a run's own; values may have placeholders.
    pub(crate) env: Vec<(String, String)>,
    pub(crate) ports: Ports,
    pub(crate) readiness: Readiness,
    /// Sent with every probe of readiness.
    pub(crate) probe_headers: Vec<(String, String)>,
    pub(crate) as_init: AsInit,
    pub(crate) ready_timeout: Duration,
    pub(crate) probe_period: Duration,
    /// Whether `/drain` and `/metrics` are looked for on the admin port, and a report file is expected.
    pub(crate) has_ledger: bool,
    /// The grace period the command is told, which a scenario may cut short.
    pub(crate) told_grace: Duration,
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

/// What makes a run invalid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    /// Longest lateness of the load threads, at the 99th percentile.
    pub(crate) lag_max: Duration,
    /// Least share of the due requests that must have been sent.
    pub(crate) sent_share_min: f64,
    /// Fewest requests of a run.
    pub(crate) requests_min: u64,
}

/// Where results go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outputs {
    pub(crate) json: Option<PathBuf>,
    pub(crate) html: Option<PathBuf>,
    /// Keeps the replicas' output; otherwise it is forgotten with the run.
    pub(crate) logs: Option<PathBuf>,
    pub(crate) progress: Progress,
}

/// How a drill shows that it is alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Progress {
    /// A live view on a terminal, plain lines otherwise.
    #[default]
    Auto,
    /// Plain lines.
    Plain,
    /// Nothing until the verdict.
    None,
}

impl RunPlan {
    /// A fresh stage for the load of this run.
    pub(crate) fn stage(&self) -> Stage {
        Stage::new(self.service.views)
    }
}
