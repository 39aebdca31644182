//! The command line. Parsing only reads what was written; [`plan`] checks it as a whole and builds the plan.

mod build;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::build::plan;
use crate::load::Group;
use crate::plan::{Progress, Propagation};
use crate::values::{self, Named};

/// Restarts the replicas of a service one after the other under load, and tells from the clients' side what was lost.
#[derive(Debug, Parser)]
#[command(name = "lameduck-drill", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run replicas of a command on this machine and restart them under load.
    Local(Box<Local>),
    /// Print the table of named scenarios: what happens, and what must hold.
    Scenarios,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  nothing was lost, and the ledgers agree
  1  something was lost, a ledger disagrees with the clients, or a scenario's promise did not hold
  2  the command line is wrong, or the command cannot be started here
  3  the run is invalid: a control did not lose, too little load, a machine too busy, a replica that never came up";

const EXAMPLES: &str = "\
Examples:
  A service built on lameduck, one rolling restart of three replicas, with a report to look at:
    lameduck-drill local --html report.html -- target/release/lameduck-service

  Beside a control that leaves at once and therefore must lose:
    lameduck-drill local --control immediate=LAMEDUCK_DRAIN__STRATEGY=immediate -- target/release/lameduck-service

  Any other server; it is told its address by placeholders, the control is SIGKILL:
    lameduck-drill local --preset plain --path /healthz -- ./server --listen {host}:{port}

  The same with a preStop sleep and slow removal of the endpoints:
    lameduck-drill local --preset plain --pre-stop 5s --propagation 1s..3s -- ./server --listen {host}:{port}

  All named scenarios:
    lameduck-drill local --scenario all -- target/release/lameduck-service

Placeholders in the command, in --env and in --ready: {host} {port} {admin_port} {grpc_port} {index} {grace}
{pre_stop} {report_file}. Write {{ and }} for braces.";

/// How the command is told its addresses and asked for its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Preset {
    /// Built on lameduck: LAMEDUCK_* environment, /readyz, /drain and /metrics on the admin port, a report file, bench
    /// routes for slow, streamed and uploaded requests.
    Lameduck,
    /// Anything else: no environment, ready once GET on --path answers, no ledger, only simple requests.
    Plain,
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Local {
    /// The command of one replica, after `--`.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,

    /// What kind of service the command is.
    #[arg(long, value_enum, default_value = "lameduck", help_heading = "The command")]
    pub(crate) preset: Preset,
    /// Environment of every replica; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = values::pair, help_heading = "The command")]
    pub(crate) env: Vec<(String, String)>,
    /// Port of the service. On Linux every replica has its own address (127.0.1.x), so they can share it.
    #[arg(long, default_value_t = 18080, help_heading = "The command")]
    pub(crate) port: u16,
    /// Port of the admin endpoints.
    #[arg(long, default_value_t = 18081, help_heading = "The command")]
    pub(crate) admin_port: u16,
    /// Port for gRPC.
    #[arg(long, default_value_t = 19000, help_heading = "The command")]
    pub(crate) grpc_port: u16,
    /// For a command that cannot be told an address: all ports grow by this for each replica.
    #[arg(long, default_value_t = crate::local::PORT_STEP, value_name = "N", help_heading = "The command")]
    pub(crate) port_step: u16,
    /// URL that answers below 400 once a replica is ready, or `tcp`: the port accepts. [default: by preset]
    #[arg(long, value_name = "URL", help_heading = "The command")]
    pub(crate) ready: Option<String>,
    /// How long a replica may take to become ready.
    #[arg(long, default_value = "30s", value_parser = values::duration, help_heading = "The command")]
    pub(crate) ready_timeout: Duration,
    /// Between two readiness probes of a running replica; three failures in a row take it out of rotation.
    #[arg(long, default_value = "1s", value_parser = values::duration, help_heading = "The command")]
    pub(crate) probe_period: Duration,

    /// Replicas at any time (one more during a step: surge 1, unavailable 0).
    #[arg(long, default_value_t = 3, value_name = "N", help_heading = "The rollout")]
    pub(crate) replicas: u16,
    /// Rolling restarts, one after the other.
    #[arg(long, default_value_t = 1, value_name = "N", help_heading = "The rollout")]
    pub(crate) rollouts: u32,
    /// Between two steps of a rollout.
    #[arg(long, default_value = "500ms", value_parser = values::duration, help_heading = "The rollout")]
    pub(crate) pause: Duration,
    /// Wait in each step until the old replica has exited (a StatefulSet, a node drain); a Deployment does not.
    #[arg(long, help_heading = "The rollout")]
    pub(crate) wait_for_exit: bool,
    /// From the mark to SIGKILL (terminationGracePeriodSeconds).
    #[arg(long, default_value = "30s", value_parser = values::duration, help_heading = "The rollout")]
    pub(crate) grace: Duration,
    /// From the mark to SIGTERM, as a preStop hook delays it.
    #[arg(long, default_value = "0s", value_parser = values::duration, help_heading = "The rollout")]
    pub(crate) pre_stop: Duration,
    /// From the mark until new connections no longer go to a replica: a duration, or a range.
    #[arg(long, default_value = "100ms..1s", value_parser = values::propagation, help_heading = "The rollout")]
    pub(crate) propagation: Propagation,
    /// Nodes: groups of clients, each with its own view of the endpoints and its own propagation.
    #[arg(long, default_value_t = 4, value_name = "N", help_heading = "The rollout")]
    pub(crate) nodes: u16,

    /// Clients by kind, each with its rate; overrides the default mix for the kinds named; count 0 switches one off.
    /// Kinds: hot, warm, cold, connect, slow, stream, upload, h2c, pipelined.
    #[arg(long, value_name = "KIND=COUNT@RATE/s,…", value_delimiter = ',', value_parser = values::clients, help_heading = "The load")]
    pub(crate) clients: Vec<Group>,
    /// Only the kinds named in --clients, without the default mix.
    #[arg(long, help_heading = "The load")]
    pub(crate) only: bool,
    /// Path of simple requests. [default: by preset, /ping or /]
    #[arg(long, help_heading = "The load")]
    pub(crate) path: Option<String>,
    /// Path that answers slowly, for `slow`.
    #[arg(long, value_name = "PATH", help_heading = "The load")]
    pub(crate) slow_path: Option<String>,
    /// Path that answers in pieces, for `stream`.
    #[arg(long, value_name = "PATH", help_heading = "The load")]
    pub(crate) stream_path: Option<String>,
    /// Path that takes a POST with a body, for `upload`.
    #[arg(long, value_name = "PATH", help_heading = "The load")]
    pub(crate) upload_path: Option<String>,
    /// From the first byte of a request to the last byte of its answer.
    #[arg(long, default_value = "10s", value_parser = values::duration, help_heading = "The load")]
    pub(crate) timeout: Duration,
    /// For a connection to be established.
    #[arg(long, default_value = "1s", value_parser = values::duration, help_heading = "The load")]
    pub(crate) connect_timeout: Duration,
    /// Between a client's last look at its connection and its write.
    #[arg(long, default_value = "0s", value_parser = values::duration, help_heading = "The load")]
    pub(crate) look_to_write: Duration,
    /// Threads of the load.
    #[arg(long, default_value_t = 1, value_name = "N", help_heading = "The load")]
    pub(crate) threads: usize,
    /// Seed of all arrivals and choices. [default: a new one, printed]
    #[arg(long, help_heading = "The load")]
    pub(crate) seed: Option<u64>,
    /// Load before the first restart.
    #[arg(long, default_value = "3s", value_parser = values::duration, help_heading = "The load")]
    pub(crate) warm_up: Duration,
    /// Load after the last replica has left.
    #[arg(long, default_value = "2s", value_parser = values::duration, help_heading = "The load")]
    pub(crate) cool_down: Duration,

    /// Run once more with another environment, side by side; may be given several times.
    #[arg(long, value_name = "NAME=KEY=VALUE,…", value_parser = values::named, help_heading = "Runs")]
    pub(crate) variant: Vec<Named>,
    /// A run that must lose, or the whole drill is invalid: `sigkill` (the default), an environment, or `none`.
    #[arg(long, value_name = "NAME=KEY=VALUE,…", value_parser = values::named, help_heading = "Runs")]
    pub(crate) control: Vec<Named>,
    /// Named scenarios instead of plain restarts: names, or `all`.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', help_heading = "Runs")]
    pub(crate) scenario: Vec<String>,
    /// Invalid if the load threads ran later than this at the 99th percentile.
    #[arg(long, default_value = "100ms", value_parser = values::duration, help_heading = "Runs")]
    pub(crate) lag_max: Duration,

    /// Write the results as JSON (versioned; see docs/drill.md).
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) json: Option<PathBuf>,
    /// Write the results as one HTML page.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) html: Option<PathBuf>,
    /// Keep what the replicas print, one file each.
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) logs: Option<PathBuf>,
    /// How to show that the drill is alive.
    #[arg(long, value_enum, default_value = "auto", help_heading = "Output")]
    pub(crate) progress: Progress,
}

#[cfg(test)]
mod tests;
