//! How a life ended.

use crate::document::Document;
use crate::jobs::Jobs;
use crate::ledger::Ledger;
use crate::phase::Departure;

/// The exit code, by what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: nothing was lost and nothing failed.
    Clean,
    /// 1: start-up or a part failed.
    Failed,
    /// 2: usage or configuration.
    Usage,
    /// 3: work was lost: aborted, raced, or an accepted job neither finished nor returned.
    Lost,
}

impl Exit {
    /// The exit of a process that left. Does not depend on how many signals came.
    pub fn of(departure: &Departure, ledger: &Ledger, jobs: &Jobs) -> Self {
        if ledger.lost() > 0 || jobs.lost_total > 0 {
            Self::Lost
        } else if departure.failures.is_empty() {
            Self::Clean
        } else {
            Self::Failed
        }
    }

    /// The number for the operating system.
    pub fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Lost => 3,
        }
    }
}

/// The last word: the final document and the exit.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The /drain document at the end.
    pub document: Document,
    /// What the process says to whoever started it.
    pub exit: Exit,
}

impl Report {
    /// One sentence: `left in 7.3 s, told to terminate: 812 requests: …; 0 lost`.
    pub fn sentence(&self) -> String {
        let seconds: f64 = self
            .document
            .phases
            .iter()
            .filter(|took| crate::PhaseName::Ready < took.phase)
            .map(|took| took.seconds)
            .sum();
        let stopped = if self.document.was_ready { "left" } else { "stopped before ready" };
        let cause = self.document.cause.as_deref().unwrap_or("without a cause");
        let jobs = match self.document.jobs.lost_total {
            0 => String::new(),
            lost => format!("; {lost} of {} jobs lost", self.document.jobs.accepted),
        };
        format!("{stopped} in {seconds:.1} s, {cause}: {}{jobs}", self.document.ledger_sentence)
    }
}
