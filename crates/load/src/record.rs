//! What the load saw, in memory that does not grow with the number of requests: counters, histograms, a timeline of
//! fixed length, and the first losses in full.

mod series;

use hdrhistogram::Histogram;
use lameduck_support::closed_set;
use serde::{Deserialize, Serialize};

pub use self::series::{Bucket, Series};
use crate::endpoints::ReplicaId;
use crate::micros::Micros;
use crate::verdict::{Kind, Verdict};

/// Most losses kept in full; every loss is counted.
pub const LOSSES_KEPT_MAX: usize = 2_000;
/// Longest latency told apart, in microseconds: two minutes.
pub(crate) const LATENCY_MAX: u64 = 120_000_000;

closed_set! {
    /// The part of a run in which a request ended.
    Period {
        /// Before the first replica was told to leave.
        Before = "before",
        /// While replicas leave.
        During = "during",
        /// Once the last one has left.
        After = "after",
    }
}

/// One request and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its number, unique over all threads of a run.
    pub id: u64,
    /// Which kind of client sent it.
    pub kind: Kind,
    /// What became of it.
    pub verdict: Verdict,
    /// None if no endpoint was left to choose.
    pub replica: Option<ReplicaId>,
    /// Sent on a connection that had carried an answer before.
    pub kept_alive: bool,
    /// When it was to be sent; a stall before it counts into its latency.
    pub due: Micros,
    /// When its first byte was handed to the kernel, if it came to that.
    pub sent: Option<Micros>,
    /// When its verdict was known.
    pub ended: Micros,
    /// The status of the answer; 0 without one.
    pub status: u16,
}

/// The clients' counts for one replica, or for one address of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaCounts {
    /// Requests of which at least one byte was handed to the kernel.
    pub sent: u64,
    /// By verdict.
    pub verdicts: [u64; Verdict::COUNT],
    /// Of `reset` and `closed`: those on a connection that had carried an answer before.
    pub lost_on_kept_alive: u64,
}

impl ReplicaCounts {
    /// Requests with this verdict.
    pub fn of(&self, verdict: Verdict) -> u64 {
        self.verdicts[verdict.index()]
    }

    /// Requests that a client that never retries has lost.
    pub fn lost(&self) -> u64 {
        Verdict::ALL.into_iter().filter(|verdict| verdict.is_lost()).map(|verdict| self.of(verdict)).sum()
    }

    /// Requests to which a whole answer came, of whatever status.
    pub fn whole_answers(&self) -> u64 {
        Verdict::ALL.into_iter().filter(|verdict| verdict.is_whole_answer()).map(|verdict| self.of(verdict)).sum()
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.lost_on_kept_alive += other.lost_on_kept_alive;
        for (mine, theirs) in self.verdicts.iter_mut().zip(other.verdicts) {
            *mine += theirs;
        }
    }
}

/// Everything one load thread saw. Records of several threads add up.
#[derive(Debug)]
pub struct Record {
    /// Counts by kind and verdict.
    pub by_kind: [[u64; Verdict::COUNT]; Kind::COUNT],
    /// Of `reset` and `closed`, over all replicas: on a connection that had carried an answer before.
    pub lost_on_kept_alive: u64,
    /// Indexed by replica number.
    pub replicas: Vec<ReplicaCounts>,
    pub(crate) latency: Vec<Histogram<u64>>,
    /// The timeline.
    pub series: Series,
    /// The first losses, in the order in which they ended.
    pub losses: Vec<Ended>,
    /// Requests that fell due.
    pub due: u64,
    /// Connections opened, and those found closed by the peer before a request was sent on them.
    pub connections_opened: u64,
    /// Connections found closed by the peer before a request was sent on them.
    pub connections_left_in_time: u64,
}

impl Default for Record {
    fn default() -> Self {
        Self::new()
    }
}

impl Record {
    /// An empty record.
    pub fn new() -> Self {
        let histogram = || Histogram::new_with_bounds(1, LATENCY_MAX, 2).expect("the bounds are constants that fit");
        Self {
            by_kind: [[0; Verdict::COUNT]; Kind::COUNT],
            lost_on_kept_alive: 0,
            replicas: Vec::new(),
            latency: (0..Kind::COUNT * Period::ALL.len()).map(|_| histogram()).collect(),
            series: Series::new(),
            losses: Vec::new(),
            due: 0,
            connections_opened: 0,
            connections_left_in_time: 0,
        }
    }

    /// Takes the one verdict of one request.
    pub fn end(&mut self, ended: &Ended, period: Period) {
        let lost = ended.verdict.is_lost();
        self.by_kind[ended.kind.index()][ended.verdict.index()] += 1;
        let kept = ended.kept_alive && matches!(ended.verdict, Verdict::Reset | Verdict::Closed);
        self.lost_on_kept_alive += u64::from(kept);
        if let Some(replica) = ended.replica {
            let counts = self.replica(replica);
            counts.sent += u64::from(ended.sent.is_some());
            counts.verdicts[ended.verdict.index()] += 1;
            counts.lost_on_kept_alive += u64::from(kept);
        }
        let latency = (ended.verdict == Verdict::Answered).then(|| ended.ended.saturating_sub(ended.due).max(1));
        if let Some(latency) = latency {
            self.latency[cell(ended.kind, period)].saturating_record(latency);
        }
        // The timeline shows how the service did: answers that were asked to be slow would hide it.
        self.series.add(ended.ended, lost, latency.filter(|_| !ended.kind.is_slow_by_design()));
        if lost && self.losses.len() < LOSSES_KEPT_MAX {
            self.losses.push(*ended);
        }
    }

    /// A second answer came to a request that had been recorded as answered.
    pub fn answered_twice(&mut self, ended: &Ended) {
        debug_assert_eq!(ended.verdict, Verdict::Answered);
        let second = Ended { verdict: Verdict::AnsweredTwice, ..*ended };
        let counts = &mut self.by_kind[ended.kind.index()];
        counts[Verdict::Answered.index()] -= 1;
        counts[Verdict::AnsweredTwice.index()] += 1;
        if let Some(replica) = ended.replica {
            let counts = self.replica(replica);
            counts.verdicts[Verdict::Answered.index()] -= 1;
            counts.verdicts[Verdict::AnsweredTwice.index()] += 1;
        }
        self.series.lose(ended.ended);
        if self.losses.len() < LOSSES_KEPT_MAX {
            self.losses.push(second);
        }
    }

    /// Requests with this verdict.
    pub fn of(&self, verdict: Verdict) -> u64 {
        self.by_kind.iter().map(|counts| counts[verdict.index()]).sum()
    }

    /// All requests with a verdict.
    pub fn total(&self) -> u64 {
        self.by_kind.iter().flatten().sum()
    }

    /// Requests that a client that never retries has lost.
    pub fn lost(&self) -> u64 {
        Verdict::ALL.into_iter().filter(|verdict| verdict.is_lost()).map(|verdict| self.of(verdict)).sum()
    }

    /// Latency in microseconds of the answered requests of a kind that ended in a period.
    pub fn latency(&self, kind: Kind, period: Period) -> &Histogram<u64> {
        &self.latency[cell(kind, period)]
    }

    /// Adds what another load thread saw.
    pub fn add(&mut self, other: Self) {
        for (mine, theirs) in self.by_kind.iter_mut().flatten().zip(other.by_kind.into_iter().flatten()) {
            *mine += theirs;
        }
        for (index, counts) in other.replicas.iter().enumerate() {
            self.replica(ReplicaId(index as u16)).add(counts);
        }
        for (mine, theirs) in self.latency.iter_mut().zip(&other.latency) {
            mine.add(theirs).expect("all histograms have the same bounds");
        }
        self.series.merge(&other.series);
        self.losses.extend(other.losses);
        self.losses.sort_by_key(|loss| loss.ended);
        self.losses.truncate(LOSSES_KEPT_MAX);
        self.lost_on_kept_alive += other.lost_on_kept_alive;
        self.due += other.due;
        self.connections_opened += other.connections_opened;
        self.connections_left_in_time += other.connections_left_in_time;
    }

    fn replica(&mut self, replica: ReplicaId) -> &mut ReplicaCounts {
        let index = usize::from(replica.0);
        if self.replicas.len() <= index {
            self.replicas.resize_with(index + 1, ReplicaCounts::default);
        }
        &mut self.replicas[index]
    }
}

fn cell(kind: Kind, period: Period) -> usize {
    kind.index() * Period::ALL.len() + period as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(verdict: Verdict, at: Micros) -> Ended {
        Ended {
            id: 1,
            kind: Kind::Hot,
            verdict,
            replica: Some(ReplicaId(2)),
            kept_alive: true,
            due: at.saturating_sub(1_000),
            sent: Some(at),
            ended: at,
            status: 200,
        }
    }

    #[test]
    fn a_second_answer_takes_the_place_of_the_first() {
        let mut record = Record::new();
        record.end(&ended(Verdict::Answered, 5_000), Period::Before);
        record.answered_twice(&ended(Verdict::Answered, 5_000));
        assert_eq!((record.of(Verdict::Answered), record.of(Verdict::AnsweredTwice)), (0, 1));
        assert_eq!((record.total(), record.lost()), (1, 1));
        assert_eq!(record.replicas[2].whole_answers(), 1);
    }

    #[test]
    fn the_list_of_losses_is_bounded_and_the_count_is_not() {
        let mut record = Record::new();
        for at in 0..LOSSES_KEPT_MAX as u64 + 10 {
            record.end(&ended(Verdict::Reset, at), Period::During);
        }
        assert_eq!(record.losses.len(), LOSSES_KEPT_MAX);
        assert_eq!(record.lost(), LOSSES_KEPT_MAX as u64 + 10);
        assert_eq!(record.lost_on_kept_alive, record.lost());
    }

    #[test]
    fn records_add_up() {
        let (mut one, mut two) = (Record::new(), Record::new());
        one.end(&ended(Verdict::Answered, 5_000), Period::During);
        two.end(&ended(Verdict::Answered, 2_000_000), Period::During);
        two.end(&ended(Verdict::Refused, 9_000), Period::During);
        one.add(two);
        assert_eq!((one.total(), one.lost(), one.replicas[2].sent), (3, 1, 3));
        assert_eq!(one.latency(Kind::Hot, Period::During).len(), 2);
    }
}
