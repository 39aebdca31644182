//! What a run found out: about each replica from outside, and about the requests from the clients. Data only.

use serde::Serialize;

use crate::endpoints::ReplicaId;
use crate::ledger::{Ledger, Metrics};
use crate::load::Lag;
use crate::plan::{Role, RunPlan};
use crate::record::{Micros, Record};

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

/// One replica, from its start to its end. Times are microseconds since the run began.
#[derive(Clone, Debug)]
pub(crate) struct ReplicaFacts {
    pub(crate) id: ReplicaId,
    /// The place in the set that it holds.
    pub(crate) slot: u16,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) pid: u32,
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
}

impl ReplicaFacts {
    pub(crate) fn new(id: ReplicaId, slot: u16, address: std::net::SocketAddr, started: Micros) -> Self {
        Self {
            id,
            slot,
            address,
            pid: 0,
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
        }
    }

    /// Notes a phase if it is a new one.
    pub(crate) fn see_phase(&mut self, phase: &str, at: Micros) {
        if self.phases.last().is_none_or(|last| last.phase != phase) {
            self.phases.push(PhaseSeen { phase: phase.to_owned(), at });
        }
    }

    /// Whether it died without having been told to.
    pub(crate) fn died(&self) -> bool {
        self.exited.is_some() && self.signalled.is_none() && self.killed.is_none()
    }
}

/// Everything about one run.
#[derive(Debug)]
pub(crate) struct RunFacts {
    pub(crate) plan: RunPlan,
    pub(crate) record: Record,
    pub(crate) lag: Lag,
    pub(crate) replicas: Vec<ReplicaFacts>,
    /// Restarts begun.
    pub(crate) restarts: u32,
    /// When the load began, and when no further request was to fall due.
    pub(crate) load: (Micros, Micros),
    /// Requests a second that were to fall due.
    pub(crate) offered: f64,
    /// The drill was told to stop.
    pub(crate) interrupted: bool,
}

impl RunFacts {
    pub(crate) fn name(&self) -> &str {
        &self.plan.name
    }

    pub(crate) fn role(&self) -> Role {
        self.plan.role
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.load.1.saturating_sub(self.load.0) as f64 / 1e6
    }

    /// What a replica was doing at a time, as far as the drill saw it.
    pub(crate) fn phase_at(&self, replica: Option<ReplicaId>, at: Micros) -> &str {
        let replica = replica.and_then(|id| self.replicas.get(usize::from(id.0)));
        let phases = replica.map(|replica| replica.phases.as_slice()).unwrap_or_default();
        phases.iter().rev().find(|phase| phase.at <= at).map_or("unknown", |phase| &phase.phase)
    }

    /// Replicas that had to be killed at the end of their grace period.
    pub(crate) fn killed_at_grace(&self) -> usize {
        self.replicas.iter().filter(|replica| matches!(replica.killed, Some((_, Kill::Grace)))).count()
    }
}

#[cfg(test)]
pub(crate) mod sample {
    //! Made-up runs for the tests of what is pure.

    use std::time::Duration;

    use super::*;
    use crate::plan::{Propagation, Restart, Service};
    use crate::record::{Ended, Period};
    use crate::verdict::{Kind, Verdict};

    /// A run of one replica that was restarted once, with these verdicts on `hot` requests of 2 ms each.
    pub(crate) fn run(name: &str, role: Role, verdicts: &[(Verdict, u64)]) -> RunFacts {
        let delay = Duration::from_millis(100);
        let mut record = Record::new();
        let mut id = 0;
        for &(verdict, count) in verdicts {
            for _ in 0..count {
                id += 1;
                record.end(&ended(id, verdict), Period::During);
            }
        }
        let mut old = ReplicaFacts::new(ReplicaId(0), 0, ([127, 0, 1, 1], 18080).into(), 0);
        for (phase, at) in [("starting", 0), ("ready", 20_000), ("signalled", 3_000_000), ("gone", 4_500_000)] {
            old.see_phase(phase, at);
        }
        (old.ready, old.marked, old.signalled) = (Some(20_000), Some(3_000_000), Some(3_000_000));
        (old.exited, old.status) = (Some(4_500_000), Some(ExitStatus { code: Some(0), signal: None }));
        let plan = RunPlan {
            name: name.to_owned(),
            role,
            scenario: None,
            env: Vec::new(),
            replicas: 1,
            rollouts: 1,
            pause: delay,
            wait_for_exit: false,
            restart: Restart::Term,
            service: Service {
                views: 1,
                propagation: Propagation { least: delay, most: delay },
                pre_stop: Duration::ZERO,
                grace: Duration::from_secs(30),
            },
            warm_up: delay,
            cool_down: delay,
        };
        let offered = id as f64 / 6.0;
        RunFacts {
            plan,
            record,
            lag: Lag::new(),
            replicas: vec![old],
            restarts: 1,
            load: (0, 6_000_000),
            offered,
            interrupted: false,
        }
    }

    fn ended(id: u64, verdict: Verdict) -> Ended {
        Ended {
            id,
            kind: Kind::Hot,
            verdict,
            replica: Some(ReplicaId(0)),
            kept_alive: true,
            due: 3_998_000,
            sent: Some(3_999_000),
            ended: 4_000_000,
            status: 200,
        }
    }
}
