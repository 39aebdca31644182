//! Durations in fixed buckets, one shard for each thread: two adds for each request, no search, no lock.

mod series;

pub(crate) use series::Series;

use crate::cells::Sharded;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Upper bounds of the buckets, in seconds: what OpenTelemetry advises for `http.server.request.duration`.
pub const BOUNDS_SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

const BOUNDS_NS: [u64; 14] = {
    let mut bounds = [0; 14];
    let mut index = 0;
    while index < bounds.len() {
        bounds[index] = (BOUNDS_SECONDS[index] * 1e9) as u64;
        index += 1;
    }
    bounds
};

const BUCKETS: usize = BOUNDS_NS.len() + 1;

#[derive(Debug, Default)]
struct Cells {
    buckets: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
}

/// A histogram that many threads fill.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    shards: Sharded<Cells>,
}

impl Histogram {
    /// Counts one duration.
    #[inline]
    pub(crate) fn observe(&self, duration_ns: u64) {
        let cells = self.shards.local();
        // Counting the bounds below has no branch to miss.
        let bucket: usize = BOUNDS_NS.iter().map(|&bound| usize::from(duration_ns > bound)).sum();
        cells.buckets[bucket].fetch_add(1, Relaxed);
        cells.sum_ns.fetch_add(duration_ns, Relaxed);
    }

    /// Everything counted so far.
    pub(crate) fn snapshot(&self) -> HistogramSnapshot {
        let mut snapshot = HistogramSnapshot::default();
        for cells in self.shards.iter() {
            for (total, cell) in snapshot.buckets.iter_mut().zip(&cells.buckets) {
                *total += cell.load(Relaxed);
            }
            snapshot.sum_seconds += cells.sum_ns.load(Relaxed) as f64 / 1e9;
        }
        snapshot
    }
}

/// Counts by bucket: not cumulative; the last one is above all of [`BOUNDS_SECONDS`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramSnapshot {
    /// Durations in each bucket.
    pub buckets: [u64; BUCKETS],
    /// Sum of the durations.
    pub sum_seconds: f64,
}

impl HistogramSnapshot {
    /// Durations counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// The durations of one (method, route, status).
#[derive(Clone, Debug, PartialEq)]
pub struct RouteHistogram {
    /// The method, `_OTHER` for one outside the known set.
    pub method: &'static str,
    /// The pattern of the route; empty if none matched.
    pub route: std::sync::Arc<str>,
    /// The status code; `None` for one outside the known set.
    pub status: Option<u16>,
    /// From the request head to the last byte handed over.
    pub durations: HistogramSnapshot,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::default();
        for ns in [0, 5_000_000, 5_000_001, 10_000_000_000, 10_000_000_001, u64::MAX / 2] {
            histogram.observe(ns);
        }
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.buckets[0], snapshot.buckets[1]), (2, 1));
        assert_eq!((snapshot.buckets[13], snapshot.buckets[14]), (1, 2));
        assert_eq!(snapshot.count(), 6);
    }
}
