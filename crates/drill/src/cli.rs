//! The command line. Parsing only reads what was written; `local::plan` and `cluster::plan` check it as a whole and
//! build the plan.

#[cfg(feature = "cluster")]
pub(crate) mod cluster;
pub(crate) mod load;
pub(crate) mod local;
pub(crate) mod output;

use clap::{Parser, Subcommand, ValueEnum};

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
    Local(Box<local::Local>),
    /// Make the pods of a workload in a Kubernetes cluster leave under load (as a plugin: kubectl drill).
    #[cfg(feature = "cluster")]
    Cluster(Box<cluster::Cluster>),
    /// Print the table of named scenarios: what happens, and what must hold.
    Scenarios,
    /// The load in a pod of a cluster drill, told what to do over HTTP.
    #[cfg(feature = "cluster")]
    #[command(hide = true)]
    LoadPod(cluster::LoadPod),
    /// SIGTERM to process 1, from an ephemeral container that shares its processes.
    #[cfg(feature = "cluster")]
    #[command(hide = true)]
    Signal(cluster::Signal),
}

const EXIT_CODES: &str = "\
Exit codes:
  0  nothing was lost, and the ledgers agree
  1  something was lost, a ledger disagrees with the clients, or a scenario's promise did not hold
  2  the command line is wrong, or the command cannot be started here
  3  the run is invalid: a control did not lose, too little load, a machine too busy, a replica that never came up";

/// How the service gets its addresses and is asked for its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Preset {
    /// Built on lameduck: LAMEDUCK_* environment, /readyz, /drain and /metrics on the admin port, a report file.
    Lameduck,
    /// Anything else: no environment, ready once GET on --path answers, no ledger, only simple requests.
    Plain,
}

#[cfg(test)]
mod tests;
