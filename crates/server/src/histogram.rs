//! Durations in fixed buckets, one shard for each thread: two adds for each request, no search, no lock.

mod series;

pub(crate) use series::Series;

use crate::cells::Sharded;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
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

/// Sums up what has the same labels: listeners may have routes of the same name.
pub(crate) fn merge<T, K: Eq + Hash>(
    all: Vec<T>,
    labels: impl Fn(&T) -> K,
    durations: impl Fn(&mut T) -> &mut HistogramSnapshot,
) -> Vec<T> {
    let mut merged: Vec<T> = Vec::with_capacity(all.len());
    let mut places = HashMap::new();
    for mut one in all {
        match places.entry(labels(&one)) {
            Entry::Occupied(place) => durations(&mut merged[*place.get()]).add(durations(&mut one)),
            Entry::Vacant(place) => {
                place.insert(merged.len());
                merged.push(one);
            }
        }
    }
    merged
}

impl HistogramSnapshot {
    fn add(&mut self, other: &Self) {
        for (sum, count) in self.buckets.iter_mut().zip(other.buckets) {
            *sum += count;
        }
        self.sum_seconds += other.sum_seconds;
    }

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

/// The durations of one (route, gRPC status).
#[derive(Clone, Debug, PartialEq)]
pub struct CallHistogram {
    /// The pattern of the route, `/package.Service/Method`; empty if none matched.
    pub route: std::sync::Arc<str>,
    /// The status code of gRPC, 0 to 16.
    pub status: u16,
    /// From the request head to the last byte handed over.
    pub durations: HistogramSnapshot,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_labels_are_one_series() {
        let one = |route: &str, count| CallHistogram {
            route: route.into(),
            status: 0,
            durations: HistogramSnapshot { buckets: [count; BUCKETS], sum_seconds: count as f64 },
        };
        let labels = |one: &CallHistogram| (one.route.clone(), one.status);
        let merged = merge(vec![one("/a", 1), one("/b", 2), one("/a", 4)], labels, |one| &mut one.durations);
        assert_eq!(merged, [one("/a", 5), one("/b", 2)]);
    }

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
