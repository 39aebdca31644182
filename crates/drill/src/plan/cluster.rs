//! A drill in a cluster, checked as far as that can be done without asking the cluster.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{Plan, Run};

/// A whole drill against one workload.
pub(crate) type ClusterPlan = Plan<WorkloadTarget, Leaving>;

/// One run of it.
pub(crate) type ClusterRun = Run<Leaving>;

/// The workload, how it is reached, and where the requests come from.
#[derive(Clone, Debug)]
pub(crate) struct WorkloadTarget {
    pub(crate) access: Access,
    pub(crate) workload: WorkloadName,
    /// The container that serves; `None`: the default one.
    pub(crate) container: Option<String>,
    /// The Service through which the load comes; `None`: the one that selects the pods.
    pub(crate) service: Option<String>,
    /// Its port, by name or number.
    pub(crate) port: Option<String>,
    pub(crate) admin_port: u16,
    /// Nobody else sends requests to the workload.
    pub(crate) exclusive: bool,
    pub(crate) source: Source,
    /// The image of this program, for load pods and for `terminate`.
    pub(crate) image: String,
    /// Longest wait for an action to have happened.
    pub(crate) within: Duration,
    /// Longest wait for the last leaving pod after that.
    pub(crate) settle: Duration,
}

/// The client to the cluster that was named, and to no other.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) kubeconfig: Option<PathBuf>,
    pub(crate) context: String,
    pub(crate) namespace: Option<String>,
}

/// Where the requests come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A Job with so many pods, spread over the nodes.
    Pods(u32),
    /// This machine, which reaches the service at these addresses.
    Here(Vec<Upstream>),
}

/// An address that a client here may connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upstream {
    /// HOST:PORT.
    pub(crate) authority: String,
    /// A health check as a load balancer makes it: while it does not answer 200, no new connection goes this way.
    pub(crate) health: Option<Health>,
}

/// Where health is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) authority: String,
    pub(crate) path: String,
}

/// What is done to the pods, how many times, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Leaving {
    pub(crate) action: Action,
    pub(crate) times: u32,
}

/// What makes pods leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// A new revision of the same template, as `kubectl rollout restart`.
    RolloutRestart,
    /// Through the eviction API, one pod after the other; a PodDisruptionBudget is asked again until it allows it.
    Evict { pods: Option<u32> },
    /// A node is cordoned, and the workload's pods on it are evicted; then it is uncordoned.
    NodeDrain { node: Option<String> },
    /// Fewer replicas, and back.
    ScaleIn { to: u32 },
    /// Pods are deleted one after the other.
    Delete { pods: Option<u32>, grace: Option<u32> },
    /// SIGTERM to process 1, without a deletion.
    Terminate { pods: Option<u32> },
    /// A command of the person's own, here.
    Command(Vec<String>),
    /// All pods are deleted at once without any grace: the control.
    Kill,
}

impl Action {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::RolloutRestart => "rollout-restart",
            Self::Evict { .. } => "evict",
            Self::NodeDrain { .. } => "node-drain",
            Self::ScaleIn { .. } => "scale-in",
            Self::Delete { .. } => "delete",
            Self::Terminate { .. } => "terminate",
            Self::Command(_) => "command",
            Self::Kill => "kill",
        }
    }
}

/// The kinds that keep pods running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkloadKind {
    Deployment,
    StatefulSet,
    DaemonSet,
}

impl WorkloadKind {
    /// The resource, as a Role names it.
    pub(crate) const fn resource(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
        }
    }
}

/// `deployment/web`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WorkloadName {
    pub(crate) kind: WorkloadKind,
    pub(crate) name: String,
}

impl WorkloadName {
    /// # Errors
    /// Anything but `KIND/NAME` with a kind that is known, in words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let expected = || format!("{text:?}: expected deployment/NAME, statefulset/NAME or daemonset/NAME");
        let (kind, name) = text.split_once('/').ok_or_else(expected)?;
        let kind = match kind.to_ascii_lowercase().trim_end_matches(".apps") {
            "deployment" | "deployments" | "deploy" => WorkloadKind::Deployment,
            "statefulset" | "statefulsets" | "sts" => WorkloadKind::StatefulSet,
            "daemonset" | "daemonsets" | "ds" => WorkloadKind::DaemonSet,
            _ => return Err(expected()),
        };
        let valid = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-.".contains(letter);
        if name.is_empty() || name.len() > 253 || !name.chars().all(valid) {
            return Err(expected());
        }
        Ok(Self { kind, name: name.to_owned() })
    }
}

impl fmt::Display for WorkloadName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.resource().trim_end_matches('s');
        write!(out, "{kind}/{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_a_kind_and_a_name() {
        let shown = |text| WorkloadName::parse(text).map(|name| name.to_string());
        assert_eq!(shown("deploy/web"), Ok("deployment/web".into()));
        assert_eq!(shown("StatefulSets.apps/web-2"), Ok("statefulset/web-2".into()));
        for wrong in ["web", "pod/web", "deploy/", "deploy/Web", "deploy/a/b", "/web"] {
            assert!(shown(wrong).is_err_and(|problem| problem.contains("deployment/NAME")), "{wrong}");
        }
    }
}
