//! The last word of a process: the final document and the exit.

use crate::document::Document;
use crate::exit::Exit;
use crate::phase::{Leaving, Phase};
use crate::plan::Plan;
use crate::snapshot::Snapshot;

/// The last word: the final document and the exit.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The /drain document at the end.
    pub document: Document,
    /// What the process says to the one that started it.
    pub exit: Exit,
}

impl Report {
    /// The report of a process whose work has ended: what is in flight gets no answer any more. It is written while
    /// Flushing runs, speaks of the process as exited, and does not know how long Flushing takes: see
    /// [`finished`](Self::finished).
    pub fn of(mut snapshot: Snapshot, plan: &Plan) -> Self {
        snapshot.ledger.abort_in_flight();
        let mut exit = Exit::Failed;
        if let Some(leaving) = snapshot.phase.leaving() {
            exit = Exit::of(leaving, &snapshot.ledger, &snapshot.jobs);
            snapshot.phase = Phase::Exited(leaving.clone());
        }
        Self { document: Document::new(&snapshot, plan, None), exit }
    }

    /// The same report with how Flushing went.
    pub fn finished(mut self, leaving: &Leaving) -> Self {
        self.document.phases.clone_from(&leaving.took);
        self.document.cut.clone_from(&leaving.cut);
        self
    }

    /// One sentence: `left in 7.3 s, termination signal: 812 requests: …; 0 lost`.
    pub fn sentence(&self) -> String {
        let leaving = self.document.phases.iter().filter(|took| crate::PhaseName::Ready < took.phase);
        let seconds: f64 = leaving.map(|took| took.seconds).sum();
        let stopped = if self.document.was_ready { "left" } else { "stopped before ready" };
        let cause = self.document.cause.as_ref().map_or("without a cause", |cause| cause.text.as_str());
        let jobs = match self.document.jobs.lost_total {
            0 => String::new(),
            lost => format!("; {lost} of {} jobs lost", self.document.jobs.accepted),
        };
        format!("{stopped} in {seconds:.1} s, {cause}: {}{jobs}", self.document.ledger_sentence)
    }
}
