//! `lameduck-drill local`: replicas of a command on this machine.

mod build;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

pub(crate) use self::build::plan;
use super::Preset;
use super::load::LoadOptions;
use super::output::OutputOptions;
use crate::plan::local::Propagation;
use crate::process::AsInit;
use crate::values::{self, Named};

const EXAMPLES: &str = "\
Examples:
  A service built on lameduck, one rolling restart of three replicas, with a report to look at:
    lameduck-drill local --html report.html -- target/release/lameduck-service

  With a control that leaves at once and therefore must lose:
    lameduck-drill local --control immediate=LAMEDUCK_DRAIN__STRATEGY=immediate -- target/release/lameduck-service

  Any other server; placeholders give it its address, the control is SIGKILL:
    lameduck-drill local --preset plain --path /healthz -- ./server --listen {host}:{port}

  The same with a preStop sleep and slow removal of the endpoints:
    lameduck-drill local --preset plain --pre-stop 5s --propagation 1s..3s -- ./server --listen {host}:{port}

  A POST with a token:
    lameduck-drill local --preset plain --path /orders --body @order.json \
      --header 'Content-Type: application/json' --header 'Authorization: Bearer KEY' -- ./server --listen {host}:{port}

  TLS:
    lameduck-drill local --ca ca.crt --header 'Host: shop.example' --env LAMEDUCK_TLS__CERT_FILE=tls.crt \
      --env LAMEDUCK_TLS__KEY_FILE=tls.key -- target/release/lameduck-service

  All named scenarios:
    lameduck-drill local --scenario all -- target/release/lameduck-service

Placeholders in the command, in --env and in --ready: {host} {port} {admin_port} {index} {grace}
{pre_stop} {report_file}. Write {{ and }} for braces.";

/// The options.
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
    /// For a command that cannot be told an address: all ports grow by this for each replica.
    #[arg(long, default_value_t = crate::local::PORT_STEP, value_name = "N", help_heading = "The command")]
    pub(crate) port_step: u16,
    /// The service serves TLS, with a certificate of one of the CAs in this file (PEM), for the name in the header
    /// `Host`, or else for the address of a replica (127.0.1.x).
    #[arg(long, value_name = "FILE", conflicts_with = "insecure", help_heading = "The command")]
    pub(crate) ca: Option<PathBuf>,
    /// The service speaks TLS, with any certificate.
    #[arg(long, help_heading = "The command")]
    pub(crate) insecure: bool,
    /// URL that answers below 400 once a replica is ready, or `tcp`: the port accepts. [default: by preset]
    #[arg(long, value_name = "URL", help_heading = "The command")]
    pub(crate) ready: Option<String>,
    /// How long a replica may take to become ready.
    #[arg(long, default_value = "30s", value_parser = values::duration, help_heading = "The command")]
    pub(crate) ready_timeout: Duration,
    /// Between two readiness probes of a running replica; three failures in a row take it out of rotation.
    #[arg(long, default_value = "1s", value_parser = values::duration, help_heading = "The command")]
    pub(crate) probe_period: Duration,

    /// Run the command as process 1 of a PID namespace, as in a container, where signals without a handler are ignored
    /// (Linux).
    #[arg(long, value_enum, default_value = "auto", help_heading = "The command")]
    pub(crate) pid1: AsInit,

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
    /// From the deletion of a replica to SIGKILL (terminationGracePeriodSeconds).
    #[arg(long, default_value = "30s", value_parser = values::duration, help_heading = "The rollout")]
    pub(crate) grace: Duration,
    /// From the deletion to SIGTERM, as a preStop hook delays it.
    #[arg(long, default_value = "0s", value_parser = values::duration, help_heading = "The rollout")]
    pub(crate) pre_stop: Duration,
    /// From the deletion until new connections no longer go to the replica: a duration, or a range from which each node
    /// draws.
    #[arg(long, default_value = "100ms..1s", value_parser = values::propagation, help_heading = "The rollout")]
    pub(crate) propagation: Propagation,
    /// Nodes: groups of clients, each with its own list of endpoints that is updated after its own delay.
    #[arg(long, default_value_t = 4, value_name = "N", help_heading = "The rollout")]
    pub(crate) nodes: u16,

    #[command(flatten)]
    pub(crate) load: LoadOptions,

    /// Run once more with another environment, side by side; may be given several times.
    #[arg(long, value_name = "NAME=KEY=VALUE,…", value_parser = values::named, help_heading = "Runs")]
    pub(crate) variant: Vec<Named>,
    /// A run that must lose, or the whole drill is invalid: `sigkill` (the default), an environment, or `none`.
    #[arg(long, value_name = "NAME=KEY=VALUE,…", value_parser = values::named, help_heading = "Runs")]
    pub(crate) control: Vec<Named>,
    /// Named scenarios instead of plain restarts: names, or `all`.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', help_heading = "Runs")]
    pub(crate) scenario: Vec<String>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    /// Keep what the replicas print, one file each.
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) logs: Option<PathBuf>,
}
