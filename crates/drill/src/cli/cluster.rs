//! `lameduck-drill cluster`, and `kubectl drill`: the pods of a workload in a cluster.

mod build;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

pub(crate) use self::build::plan;
use super::Preset;
use super::load::LoadOptions;
use super::output::OutputOptions;
use crate::plan::cluster::WorkloadName;
use crate::values;

const EXAMPLES: &str = "\
Examples:
  One rolling restart, with load from two pods of the cluster, and a report to look at:
    kubectl drill deployment/web --context kind-dev --html report.html

  What it would need to be allowed, as a Role to apply:
    kubectl drill deployment/web --context kind-dev --print-role

  Every other way in which a pod is asked to leave:
    kubectl drill deployment/web --context kind-dev --action evict
    kubectl drill deployment/web --context kind-dev --action node-drain --node worker-2
    kubectl drill deployment/web --context kind-dev --action scale-in --to 1
    kubectl drill deployment/web --context kind-dev --action delete --pods 1 --grace 3
    kubectl drill deployment/web --context kind-dev --action terminate --pods 1

  Whatever your deployment does, with the load from here through an ingress:
    kubectl drill deployment/web --context kind-dev --from-here http://shop.example:80 \\
      --action command -- helm upgrade web ./chart --wait

  Any other server; a control that must lose shows that this load would see it:
    kubectl drill deployment/api --context kind-dev --preset plain --path /healthz --control kill";

/// How pods are made to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ActionName {
    /// A new revision of the same template, as `kubectl rollout restart`.
    RolloutRestart,
    /// Pods are evicted one after the other, as their PodDisruptionBudget allows.
    Evict,
    /// A node is cordoned, the workload's pods on it are evicted, the node is uncordoned.
    NodeDrain,
    /// Scaled to --to replicas, and back.
    ScaleIn,
    /// Pods are deleted one after the other, with --grace if given.
    Delete,
    /// SIGTERM to process 1 of pods one after the other, without a deletion: as a node that shuts down does it.
    Terminate,
    /// The command after `--` is run here.
    Command,
}

/// A run that must lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ControlName {
    /// None is run.
    None,
    /// All pods are deleted at once without any grace, under the same load.
    Kill,
}

/// The options.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cluster {
    /// deployment/NAME, statefulset/NAME or daemonset/NAME.
    #[arg(value_name = "WORKLOAD", value_parser = WorkloadName::parse)]
    pub(crate) workload: WorkloadName,
    /// The command of --action command, after `--`.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,

    /// The context of the kubeconfig that may be touched. Never guessed.
    #[arg(long, value_name = "NAME", help_heading = "The cluster")]
    pub(crate) context: Option<String>,
    /// [default: KUBECONFIG, or ~/.kube/config]
    #[arg(long, value_name = "FILE", help_heading = "The cluster")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// [default: the context's]
    #[arg(short, long, value_name = "NAME", help_heading = "The cluster")]
    pub(crate) namespace: Option<String>,
    /// Print what this drill has to be allowed, as a Role, and do nothing.
    #[arg(long, help_heading = "The cluster")]
    pub(crate) print_role: bool,

    /// What kind of service the pods run.
    #[arg(long, value_enum, default_value = "lameduck", help_heading = "The workload")]
    pub(crate) preset: Preset,
    /// The container that serves. [default: the pod's default container]
    #[arg(long, value_name = "NAME", help_heading = "The workload")]
    pub(crate) container: Option<String>,
    /// The Service that the load goes through. [default: the one that selects the pods]
    #[arg(long, value_name = "NAME", help_heading = "The workload")]
    pub(crate) service: Option<String>,
    /// Its port. [default: its only one, or the one named http]
    #[arg(long, value_name = "NAME|NUMBER", help_heading = "The workload")]
    pub(crate) port: Option<String>,
    /// The pods' port of /drain and /metrics, reached through the API server.
    #[arg(long, default_value_t = 8081, value_name = "N", help_heading = "The workload")]
    pub(crate) admin_port: u16,
    /// Nobody else sends requests to the workload: its ledgers must account for exactly what the clients saw.
    #[arg(long, help_heading = "The workload")]
    pub(crate) exclusive: bool,

    /// What makes pods leave.
    #[arg(long, value_enum, default_value = "rollout-restart", help_heading = "The action")]
    pub(crate) action: ActionName,
    /// How many times, one after the other.
    #[arg(long, default_value_t = 1, value_name = "N", help_heading = "The action")]
    pub(crate) rollouts: u32,
    /// How many pods, for evict, delete and terminate. [default: all]
    #[arg(long, value_name = "N", help_heading = "The action")]
    pub(crate) pods: Option<u32>,
    /// For delete: the grace period in seconds. [default: the pod's]
    #[arg(long, value_name = "SECONDS", help_heading = "The action")]
    pub(crate) grace: Option<u32>,
    /// For scale-in: replicas. [default: 1]
    #[arg(long, value_name = "N", help_heading = "The action")]
    pub(crate) to: Option<u32>,
    /// For node-drain. [default: the node with most pods of the workload]
    #[arg(long, value_name = "NAME", help_heading = "The action")]
    pub(crate) node: Option<String>,
    /// Longest time that an action may take until all replacements are ready.
    #[arg(long, default_value = "10m", value_parser = values::duration, help_heading = "The action")]
    pub(crate) within: Duration,
    /// Longest wait for the last leaving pod after that.
    #[arg(long, default_value = "2m", value_parser = values::duration, help_heading = "The action")]
    pub(crate) settle: Duration,
    /// One more run, which must lose, or the whole drill is invalid.
    #[arg(long, value_enum, default_value = "none", help_heading = "The action")]
    pub(crate) control: ControlName,

    /// Pods that the load comes from, spread over the nodes.
    #[arg(long, default_value_t = 2, value_name = "N", help_heading = "The load")]
    pub(crate) load_pods: u32,
    /// Image of this program, for the load pods and for --action terminate.
    #[arg(long, default_value = concat!("lameduck-drill:", env!("CARGO_PKG_VERSION")), help_heading = "The load")]
    pub(crate) image: String,
    /// Load from this machine instead; several times for several addresses, of which a client picks one a connection.
    #[arg(long, value_name = "URL", help_heading = "The load")]
    pub(crate) from_here: Vec<String>,
    /// Asked every second, one for each --from-here: while it does not say 200, no new connection goes there. As a load
    /// balancer does with a healthCheckNodePort.
    #[arg(long, value_name = "URL", help_heading = "The load")]
    pub(crate) health: Vec<String>,
    #[command(flatten)]
    pub(crate) load: LoadOptions,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// The load in a pod.
#[derive(Debug, Args)]
pub(crate) struct LoadPod {
    /// Where orders are taken.
    #[arg(long, default_value = "0.0.0.0:8099")]
    pub(crate) listen: std::net::SocketAddr,
}

/// The signal from inside.
#[derive(Debug, Args)]
pub(crate) struct Signal {
    /// Wait first.
    #[arg(long, default_value = "0s", value_parser = values::duration)]
    pub(crate) after: Duration,
}
