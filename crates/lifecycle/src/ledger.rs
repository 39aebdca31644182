//! The ledger: every request that reached the guard ends as exactly one [`Outcome`].

mod model;

pub use model::LedgerModel;

use crate::vocabulary::{Kind, Outcome, Protocol};

const PROTOCOLS: usize = Protocol::ALL.len();
const KINDS: usize = Kind::ALL.len();
const OUTCOMES: usize = Outcome::ALL.len();

/// How a request ended, before one asks when: what the guard itself knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// The last byte of the response was handed over. A handler's own 4xx or 5xx is an answer.
    Answered,
    /// The response was marked as a refusal.
    Rejected,
    /// The server's own time-out answered.
    TimedOut,
    /// Cut at the deadline.
    Aborted,
    /// The peer left first.
    ClientGone,
    /// The handler panicked.
    Failed,
}

impl End {
    /// The outcome, given whether the signal had come when the request started and when it ended.
    ///
    /// Only an answer depends on the signal: what went wrong goes by its own name in any phase.
    #[inline]
    pub const fn outcome(self, started_after_signal: bool, ended_after_signal: bool) -> Outcome {
        match self {
            Self::Answered if started_after_signal => Outcome::Late,
            Self::Answered if ended_after_signal => Outcome::Drained,
            Self::Answered => Outcome::Completed,
            Self::Rejected => Outcome::Rejected,
            Self::TimedOut => Outcome::TimedOut,
            Self::Aborted => Outcome::Aborted,
            Self::ClientGone => Outcome::ClientGone,
            Self::Failed => Outcome::Failed,
        }
    }
}

/// Totals since the start of the process, by protocol, kind and outcome.
///
/// Law: for each protocol, started = ended + in flight. A reader that sums concurrent cells may see the law off by what
/// moved meanwhile; it holds exactly at quiescence and at exit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    started: [u64; PROTOCOLS],
    in_flight: [[u64; KINDS]; PROTOCOLS],
    ended: [[[u64; OUTCOMES]; KINDS]; PROTOCOLS],
    /// Bytes that reached us after our FIN on a connection that was idle when we closed it. Beside the law.
    pub raced: u64,
    /// How many of those the server expected when it chose to close (a sum of probabilities).
    pub raced_expected: f64,
    /// Connections that clients had made and that no descriptor was left for: they were in the accept queue when the
    /// listener closed. Beside the law: no request of theirs was read.
    pub unserved: u64,
}

impl Ledger {
    /// Requests that reached the guard.
    pub fn started(&self) -> u64 {
        self.started.iter().sum()
    }

    /// Requests of one protocol that reached the guard.
    pub fn started_by(&self, protocol: Protocol) -> u64 {
        self.started[protocol.index()]
    }

    /// Requests that have not ended.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.iter().flatten().sum()
    }

    /// Requests of one protocol and kind that have not ended.
    pub fn in_flight_by(&self, protocol: Protocol, kind: Kind) -> u64 {
        self.in_flight[protocol.index()][kind.index()]
    }

    /// Requests that ended.
    pub fn ended(&self) -> u64 {
        self.ended.iter().flatten().flatten().sum()
    }

    /// Requests that ended with this outcome.
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.ended.iter().flatten().map(|by_outcome| by_outcome[outcome.index()]).sum()
    }

    /// Requests of one protocol and kind that ended with this outcome.
    pub fn ended_by(&self, protocol: Protocol, kind: Kind, outcome: Outcome) -> u64 {
        self.ended[protocol.index()][kind.index()][outcome.index()]
    }

    /// Requests whose client got nothing it can trust: aborted, raced, or never accepted.
    pub fn lost(&self) -> u64 {
        self.outcome(Outcome::Aborted) + self.raced + self.unserved
    }

    /// Adds cells of one writer: how a sharded ledger is summed.
    pub fn add_started(&mut self, protocol: Protocol, count: u64) {
        self.started[protocol.index()] += count;
    }

    /// Adds cells of one writer.
    pub fn add_ended(&mut self, protocol: Protocol, kind: Kind, outcome: Outcome, count: u64) {
        self.ended[protocol.index()][kind.index()][outcome.index()] += count;
    }

    /// Sets the gauge of one protocol and kind.
    pub fn set_in_flight(&mut self, protocol: Protocol, kind: Kind, count: u64) {
        self.in_flight[protocol.index()][kind.index()] = count;
    }

    /// The process ends: what is in flight now gets no answer any more.
    pub fn abort_in_flight(&mut self) {
        for protocol in Protocol::ALL {
            for kind in Kind::ALL {
                let left = std::mem::take(&mut self.in_flight[protocol.index()][kind.index()]);
                self.add_ended(protocol, kind, Outcome::Aborted, left);
            }
        }
    }

    /// Holds the law up to the numbers.
    ///
    /// # Errors
    /// [`LedgerMismatch`] with both sides, for the first protocol whose sides differ.
    pub fn check(&self) -> Result<(), LedgerMismatch> {
        for protocol in Protocol::ALL {
            let index = protocol.index();
            let ended: u64 = self.ended[index].iter().flatten().sum();
            let in_flight: u64 = self.in_flight[index].iter().sum();
            if self.started[index] != ended + in_flight {
                return Err(LedgerMismatch { protocol, started: self.started[index], ended, in_flight });
            }
        }
        Ok(())
    }

    /// One sentence for a person: what was served, what was lost.
    pub fn sentence(&self) -> String {
        let mut parts = Vec::new();
        for outcome in Outcome::ALL {
            let count = self.outcome(outcome);
            if count > 0 {
                parts.push(format!("{count} {}", outcome.as_str().replace('_', " ")));
            }
        }
        if self.raced > 0 {
            parts.push(format!("{} raced ({:.4} expected)", self.raced, self.raced_expected));
        }
        if self.unserved > 0 {
            parts.push(format!("{} connections unserved", self.unserved));
        }
        if self.in_flight() > 0 {
            parts.push(format!("{} in flight", self.in_flight()));
        }
        let detail = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
        format!("{} requests{detail}; {} lost", self.started(), self.lost())
    }
}

/// The ledger does not add up: a guard was lost or counted twice. A defect of the server, never of its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerMismatch {
    /// Where.
    pub protocol: Protocol,
    /// Left side.
    pub started: u64,
    /// Right side, first part.
    pub ended: u64,
    /// Right side, second part.
    pub in_flight: u64,
}

impl std::fmt::Display for LedgerMismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { protocol, started, ended, in_flight } = self;
        write!(f, "ledger of {protocol}: {started} started, but {ended} ended + {in_flight} in flight")
    }
}

impl std::error::Error for LedgerMismatch {}

/// The JSON shape of the contract: totals by outcome, in its key order.
impl serde::Serialize for Ledger {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut out = serializer.serialize_struct("Ledger", 5 + OUTCOMES)?;
        out.serialize_field("started", &self.started())?;
        out.serialize_field("in_flight", &self.in_flight())?;
        for outcome in Outcome::ALL {
            out.serialize_field(outcome.as_str(), &self.outcome(outcome))?;
        }
        out.serialize_field("raced", &self.raced)?;
        out.serialize_field("raced_expected", &self.raced_expected)?;
        out.serialize_field("unserved", &self.unserved)?;
        out.end()
    }
}

#[cfg(test)]
mod tests;
