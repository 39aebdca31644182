//! The state of the process at this moment: the published phase, completed by what the rooms count.

use crate::advisor;
use crate::dependency::Dependencies;
use crate::events::{PhaseView, Shared};
use crate::jobs::Jobs;
use crate::release::Releasing;
use crate::reload::Files;
use crate::telemetry::Telemetry;
use crate::workers::WorkerSet;
use lameduck_lifecycle::{Document, Phase, Report, Snapshot, Straggler, StragglerKind, Strategy};
use lameduck_server::{Numbers, Server};
use std::sync::{Arc, OnceLock};

/// Names of those who are left that a document carries at most.
const STRAGGLERS_MAX: usize = 64;

/// The requests that were in flight when the deadline cut them, as they were then.
pub(crate) type CutRequests = Arc<OnceLock<Vec<Straggler>>>;

/// Reads everything, orders nothing. A cheap handle.
#[derive(Clone, Debug)]
pub(crate) struct Observer {
    pub(crate) shared: Shared,
    pub(crate) server: Server,
    pub(crate) jobs: Jobs,
    pub(crate) workers: WorkerSet,
    pub(crate) releasing: Releasing,
    pub(crate) cut: CutRequests,
    pub(crate) dependencies: Dependencies,
    pub(crate) files: Files,
    pub(crate) telemetry: Telemetry,
}

impl Observer {
    /// The state now: phase and numbers in one value.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.complete(&self.shared.view.borrow(), self.server.snapshot())
    }

    /// The /drain document now.
    pub(crate) fn document(&self) -> Document {
        let wake_at = self.shared.view.borrow().wake_at;
        Document::new(&self.snapshot(), &self.shared.plan, wake_at)
    }

    /// The last word. Nothing can end any more: what is in flight is aborted, open jobs are lost.
    pub(crate) fn last_report(&self) -> Report {
        self.jobs.close();
        let (numbers, plan) = (self.numbers(), &self.shared.plan);
        let snapshot = self.complete(&self.shared.view.borrow(), numbers.clone());
        let fixed = matches!(plan.strategy, Strategy::Delay);
        let advice = advisor::advice(&snapshot, &numbers.late_arrivals, fixed);
        let mut report = Report::of(snapshot, plan);
        report.document.advice = advice;
        report
    }

    /// What the server counts.
    pub(crate) fn numbers(&self) -> Numbers {
        self.server.snapshot()
    }

    /// A life together with numbers.
    pub(crate) fn complete(&self, view: &PhaseView, numbers: Numbers) -> Snapshot {
        Snapshot {
            at: self.shared.clock.now().max(view.at),
            phase: view.phase.clone(),
            readiness: view.readiness.clone(),
            ledger: numbers.ledger,
            jobs: self.jobs.counts(),
            connections: numbers.connections,
            stragglers: self.stragglers(&view.phase),
        }
    }

    /// The deadline is about to cut what is in flight: afterwards nobody could say what that was.
    pub(crate) fn keep_cut(&self) {
        let requests = self.server.stragglers(STRAGGLERS_MAX).into_iter();
        let requests = requests.filter(|straggler| straggler.what == StragglerKind::Request).collect();
        let _ = self.cut.set(requests);
    }

    fn stragglers(&self, phase: &Phase) -> Vec<Straggler> {
        match phase {
            Phase::Starting(_) | Phase::Ready { .. } => Vec::new(),
            Phase::LameDuck { .. } | Phase::Draining(_) => self.server.stragglers(STRAGGLERS_MAX),
            Phase::Releasing(_) | Phase::Flushing(_) | Phase::Exited(_) => {
                let mut left = self.cut.get().cloned().unwrap_or_default();
                let still = self.server.stragglers(STRAGGLERS_MAX).into_iter();
                let is_new = |one: &Straggler| left.iter().all(|cut| !is_same(cut, one));
                let still: Vec<_> = still.filter(is_new).collect();
                left.extend(still);
                left.extend(self.workers.stragglers());
                left.extend(self.releasing.straggler());
                left.extend(self.jobs.stragglers(STRAGGLERS_MAX));
                left.truncate(STRAGGLERS_MAX);
                left
            }
        }
    }
}

/// Whether both are the same request. Streams of one connection to one route differ in their ids.
fn is_same(cut: &Straggler, other: &Straggler) -> bool {
    (&cut.name, &cut.request_id) == (&other.name, &other.request_id)
}
