//! A record on its way from a load pod: everything it counts, histograms by the values that occurred.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::counts::{Counts, counts, fill};
use crate::lag::Lag;
use crate::micros::Micros;
use crate::record::{Ended, LATENCY_MAX, Record, ReplicaCounts, Series};
use crate::verdict::Verdict;

/// What a load pod hands over.
#[derive(Debug, Serialize, Deserialize)]
pub struct Wire {
    by_kind: Vec<[u64; Verdict::COUNT]>,
    lost_on_kept_alive: u64,
    replicas: Vec<ReplicaCounts>,
    latency: Vec<Counts>,
    series: Series,
    losses: Vec<Ended>,
    due: u64,
    connections_opened: u64,
    connections_left_in_time: u64,
    late: Counts,
    processor: Duration,
}

impl Wire {
    /// Packs what the threads of this process saw.
    pub fn pack(record: Record, lag: &Lag) -> Self {
        Self {
            by_kind: record.by_kind.to_vec(),
            lost_on_kept_alive: record.lost_on_kept_alive,
            replicas: record.replicas,
            latency: record.latency.iter().map(counts).collect(),
            series: record.series,
            losses: record.losses,
            due: record.due,
            connections_opened: record.connections_opened,
            connections_left_in_time: record.connections_left_in_time,
            late: counts(lag.late()),
            processor: lag.processor(),
        }
    }

    /// Brings the record onto the clock of this machine, which was `ahead` microseconds ahead of the pod's.
    ///
    /// # Errors
    /// A record of another version of the drill.
    pub fn unpack(self, ahead: i64) -> Result<(Record, Lag), String> {
        let mut record = Record::new();
        record.by_kind = self.by_kind.try_into().map_err(|_| other_version())?;
        if record.latency.len() != self.latency.len() {
            return Err(other_version());
        }
        for (histogram, counts) in record.latency.iter_mut().zip(&self.latency) {
            fill(histogram, counts, LATENCY_MAX);
        }
        let moved = |at: Micros| at.saturating_add_signed(ahead);
        record.losses = self.losses;
        for loss in &mut record.losses {
            (loss.due, loss.ended) = (moved(loss.due), moved(loss.ended));
            loss.sent = loss.sent.map(moved);
        }
        record.series = self.series.moved(ahead);
        record.lost_on_kept_alive = self.lost_on_kept_alive;
        record.replicas = self.replicas;
        record.due = self.due;
        record.connections_opened = self.connections_opened;
        record.connections_left_in_time = self.connections_left_in_time;
        Ok((record, Lag::from_counts(&self.late, self.processor)))
    }
}

fn other_version() -> String {
    "it ran another version of the drill: --image must be of this one".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints::ReplicaId;
    use crate::record::Period;
    use crate::verdict::Kind;

    fn ended(verdict: Verdict, at: Micros) -> Ended {
        Ended {
            id: 7,
            kind: Kind::Warm,
            verdict,
            replica: Some(ReplicaId(0)),
            kept_alive: true,
            due: at - 900,
            sent: Some(at - 800),
            ended: at,
            status: 200,
        }
    }

    #[test]
    fn a_record_survives_the_way_and_lands_on_our_clock() {
        let mut record = Record::new();
        for at in [1_000_000, 1_200_000, 3_000_000] {
            record.end(&ended(Verdict::Answered, at), Period::During);
        }
        record.end(&ended(Verdict::Closed, 2_000_000), Period::During);
        let latency = record.latency(Kind::Warm, Period::During).clone();
        let json =
            serde_json::to_string(&Wire::pack(record, &Lag::from_counts(&[(3_000, 1)], Duration::ZERO))).unwrap();
        let (record, lag) = serde_json::from_str::<Wire>(&json).unwrap().unpack(250_000).unwrap();
        assert_eq!((record.total(), record.lost(), record.lost_on_kept_alive), (4, 1, 1));
        assert_eq!(record.latency(Kind::Warm, Period::During), &latency);
        assert_eq!((record.losses[0].ended, record.losses[0].sent), (2_250_000, Some(2_249_200)));
        assert_eq!(record.replicas[0].of(Verdict::Answered), 3);
        let full: Vec<_> = (0..).zip(record.series.buckets()).filter(|(_, bucket)| bucket.ended > 0).collect();
        // Slices of 100 ms: 250 ms are between two and three of them.
        assert_eq!(full.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [13, 15, 23, 33]);
        assert!(lag.max() >= Duration::from_millis(3));
    }

    #[test]
    fn another_version_is_not_guessed_at() {
        let mut wire = Wire::pack(Record::new(), &Lag::new());
        wire.latency.pop();
        assert!(wire.unpack(0).is_err_and(|problem| problem.contains("--image")));
    }
}
