//! What a run found out: about each replica from outside, and about the requests from the clients. Data only.

mod cluster;
#[cfg(test)]
pub(crate) mod sample;

use std::cell::RefCell;
use std::rc::Rc;

use lameduck_load::{Lag, Micros, Record, ReplicaId};
use serde::Serialize;

#[cfg(feature = "cluster")]
pub(crate) use self::cluster::PodEnd;
pub(crate) use self::cluster::{ClockFacts, ClusterSetting, PodFacts};

use crate::ledger::{Ledger, Metrics};
use crate::plan::Role;
use crate::plan::local::Rollouts;
use crate::scenario::Scenario;

/// Why a replica got SIGKILL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kill {
    /// It had not left by the end of the grace period.
    Grace,
    /// The run is a control or a scenario that kills.
    Purpose,
    /// The drill was over.
    CleanUp,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ExitStatus {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
}

/// Where a ledger was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LedgerSource {
    ReportFile,
    DrainEndpoint,
}

/// A phase of the service, when the drill first saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PhaseSeen {
    pub(crate) phase: String,
    pub(crate) at: Micros,
}

/// The facts of all replicas of a run, for whoever shows them while they change.
pub(crate) type Shown = Rc<RefCell<Vec<Rc<RefCell<ReplicaFacts>>>>>;

/// One replica, from its start to its end. Times are microseconds since the run began.
#[derive(Clone, Debug)]
pub(crate) struct ReplicaFacts {
    pub(crate) id: ReplicaId,
    /// The place in the set that it holds.
    pub(crate) slot: u16,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) pid: u32,
    /// Whether it is process 1 of its PID namespace, as in a container.
    pub(crate) is_init: bool,
    pub(crate) started: Micros,
    pub(crate) ready: Option<Micros>,
    /// Told that it will leave: the deletion of a pod.
    pub(crate) marked: Option<Micros>,
    pub(crate) signalled: Option<Micros>,
    /// Out of the first and out of the last view.
    pub(crate) removed: Option<(Micros, Micros)>,
    pub(crate) frozen: Option<(Micros, Micros)>,
    pub(crate) killed: Option<(Micros, Kill)>,
    pub(crate) exited: Option<Micros>,
    pub(crate) status: Option<ExitStatus>,
    pub(crate) phases: Vec<PhaseSeen>,
    pub(crate) ledger: Option<(LedgerSource, Ledger)>,
    /// A ledger that is there and cannot be read.
    pub(crate) ledger_problem: Option<String>,
    /// Read while nothing moved, together with the ledger.
    pub(crate) metrics: Option<Metrics>,
    /// Requests of the drill itself to the work port: readiness probes, if they go there.
    pub(crate) own_requests: u64,
    /// What it had counted before the load began; `None`: nobody could tell.
    pub(crate) baseline: Option<Ledger>,
    /// If it is a pod of a cluster.
    pub(crate) pod: Option<PodFacts>,
}

impl ReplicaFacts {
    pub(crate) fn new(id: ReplicaId, slot: u16, address: std::net::SocketAddr, started: Micros) -> Self {
        Self {
            id,
            slot,
            address,
            pid: 0,
            is_init: false,
            started,
            ready: None,
            marked: None,
            signalled: None,
            removed: None,
            frozen: None,
            killed: None,
            exited: None,
            status: None,
            phases: Vec::new(),
            ledger: None,
            ledger_problem: None,
            metrics: None,
            own_requests: 0,
            baseline: Some(Ledger::default()),
            pod: None,
        }
    }

    /// Notes a phase if it is a new one.
    pub(crate) fn see_phase(&mut self, phase: &str, at: Micros) {
        if self.phases.last().is_none_or(|last| last.phase != phase) {
            self.phases.push(PhaseSeen { phase: phase.to_owned(), at });
        }
    }

    /// What a person calls it.
    pub(crate) fn name(&self) -> String {
        match &self.pod {
            Some(pod) if pod.restarts > 0 => format!("{} (restart {})", pod.name, pod.restarts),
            Some(pod) => pod.name.clone(),
            None => format!("replica {}", self.id.0),
        }
    }

    /// Whether it was leaving at this time: told to, and still there.
    pub(crate) fn leaves_at(&self, at: Micros) -> bool {
        let told = self.marked.into_iter().chain(self.signalled).min();
        told.is_some_and(|told| told <= at) && self.exited.is_none_or(|exited| at <= exited)
    }

    /// From the order to leave to the end of the process.
    pub(crate) fn took(&self) -> Option<Micros> {
        Some(self.exited?.saturating_sub(self.marked.or(self.signalled)?))
    }

    /// The phase it was in, as far as the drill saw it.
    pub(crate) fn phase_at(&self, at: Micros) -> &str {
        self.phases.iter().rev().find(|phase| phase.at <= at).map_or("unknown", |phase| &phase.phase)
    }

    /// Whether it died without having been told to.
    ///
    /// A pod that was never ready and ended (a new version that does not start) served nobody, and takes nobody's
    /// requests with it.
    pub(crate) fn died(&self) -> bool {
        let served = self.pod.is_none() || self.ready.is_some();
        served && self.exited.is_some() && self.signalled.is_none() && self.killed.is_none()
    }
}

/// What was done to the replicas, and where.
#[derive(Clone, Debug)]
pub(crate) enum Setting {
    Local(Rollouts),
    Cluster(ClusterSetting),
}

/// Everything about one run.
#[derive(Debug)]
pub(crate) struct RunFacts {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) setting: Setting,
    pub(crate) record: Record,
    pub(crate) lag: Lag,
    pub(crate) replicas: Vec<ReplicaFacts>,
    /// Restarts begun.
    pub(crate) restarts: u32,
    /// When the load began, and when no further request was to fall due.
    pub(crate) load: (Micros, Micros),
    /// Requests a second that were to fall due.
    pub(crate) offered: f64,
    /// A person ended the drill.
    pub(crate) interrupted: bool,
    /// Why it did not come to its end, or what is left to be done by hand.
    pub(crate) problem: Option<String>,
}

impl RunFacts {
    pub(crate) fn scenario(&self) -> Option<Scenario> {
        match &self.setting {
            Setting::Local(way) => way.scenario,
            Setting::Cluster(_) => None,
        }
    }

    pub(crate) fn cluster(&self) -> Option<&ClusterSetting> {
        match &self.setting {
            Setting::Local(_) => None,
            Setting::Cluster(setting) => Some(setting),
        }
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.load.1.saturating_sub(self.load.0) as f64 / 1e6
    }

    /// Where a request went, and what went on there at that time, in words. Through a Service nobody can tell which pod
    /// it was: those that were leaving are named.
    pub(crate) fn place(&self, replica: Option<ReplicaId>, at: Micros) -> String {
        if self.cluster().is_some() {
            let leaving = self.replicas.iter().filter(|pod| pod.leaves_at(at));
            let leaving: Vec<_> = leaving.map(|pod| format!("{} ({})", pod.name(), pod.phase_at(at))).collect();
            return if leaving.is_empty() {
                "nobody was leaving".into()
            } else {
                format!("while {}", leaving.join(", "))
            };
        }
        let Some(id) = replica else { return "no replica".to_owned() };
        let phase = self.replicas.get(usize::from(id.0)).map_or("unknown", |replica| replica.phase_at(at));
        format!("replica {} ({phase})", id.0)
    }

    /// Replicas that had to be killed at the end of their grace period.
    pub(crate) fn killed_at_grace(&self) -> usize {
        self.replicas.iter().filter(|replica| matches!(replica.killed, Some((_, Kill::Grace)))).count()
    }
}
