//! How a life ended.

use crate::document::Document;
use crate::exit::Exit;

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
