//! What a drill is going to do, checked: nothing below this needs to doubt an option.
//!
//! A plan has the same shape for every target. What only processes of this machine need is in `local`, what only a
//! workload of a cluster needs in `cluster`.

pub(crate) mod cluster;
pub(crate) mod local;

use std::path::PathBuf;
use std::time::Duration;

use lameduck_load::LoadPlan;

/// A whole drill: the runs one after the other against one target, and where the results go.
#[derive(Clone, Debug)]
pub(crate) struct Plan<T, W> {
    /// What is started, or the drill's own command line: for the report.
    pub(crate) command: Vec<String>,
    pub(crate) target: T,
    /// Whether replicas keep a ledger that can be read: `/drain`, `/metrics` and a last report.
    pub(crate) has_ledger: bool,
    pub(crate) runs: Vec<Run<W>>,
    pub(crate) load: LoadPlan,
    pub(crate) limits: Limits,
    pub(crate) outputs: Outputs,
}

/// One run: the same load, one way of making replicas leave.
#[derive(Clone, Debug)]
pub(crate) struct Run<W> {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) way: W,
    pub(crate) warm_up: Duration,
    pub(crate) cool_down: Duration,
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
