//! The recorder behind the histogram: written on the hot path, read when a drain begins.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::silence_histogram::{BUCKETS, Bucket, Histogram, bucket, part};

/// One bucket's counts. A power of two long, so that a request touches one cache line.
#[repr(align(32))]
#[derive(Debug, Default)]
struct Cell {
    events: AtomicU64,
    censored: AtomicU64,
    time_us: AtomicU64,
}

/// Nobody else's cache line: two workers that count at once do not slow each other.
#[repr(align(128))]
#[derive(Debug)]
struct Shard([Cell; BUCKETS]);

/// Records the silences of all connections, from any thread, without a lock: two relaxed adds for each request.
///
/// A caller names its shard; the same shard from two threads is slower, never wrong. A reader may see a silence counted
/// and its time not yet: off by one silence, which a rate does not notice.
#[derive(Debug)]
pub struct Silences {
    shards: Box<[Shard]>,
}

impl Silences {
    /// A recorder with one set of cells for each of `shards` writers (at least one).
    pub fn new(shards: usize) -> Self {
        let shard = |_| Shard(std::array::from_fn(|_| Cell::default()));
        Silences { shards: (0..shards.max(1)).map(shard).collect() }
    }

    /// A request came on a connection that had been silent for so long.
    #[inline]
    pub fn record_event(&self, shard: usize, silence_us: u64) {
        let index = bucket(silence_us);
        let cell = self.cell(shard, index);
        cell.events.fetch_add(1, Relaxed);
        cell.time_us.fetch_add(part(index, silence_us), Relaxed);
    }

    /// A connection went away after it had been silent for so long.
    pub fn record_censored(&self, shard: usize, silence_us: u64) {
        let index = bucket(silence_us);
        let cell = self.cell(shard, index);
        cell.censored.fetch_add(1, Relaxed);
        cell.time_us.fetch_add(part(index, silence_us), Relaxed);
    }

    /// Everything recorded so far, by every shard.
    pub fn collect(&self) -> Histogram {
        let mut total = Histogram::default();
        for Shard(cells) in &self.shards {
            total.merge(&Histogram { buckets: std::array::from_fn(|index| cells[index].read()) });
        }
        total
    }

    #[inline]
    fn cell(&self, shard: usize, index: usize) -> &Cell {
        &self.shards[shard % self.shards.len()].0[index]
    }
}

// === impl Cell ===

impl Cell {
    fn read(&self) -> Bucket {
        Bucket {
            events: self.events.load(Relaxed),
            censored: self.censored.load(Relaxed),
            time_us: self.time_us.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_record_what_one_histogram_would() {
        let silences = Silences::new(2);
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let silences = &silences;
                scope.spawn(move || {
                    for n in 0..1000 {
                        silences.record_event(thread, 1000 * n);
                        silences.record_censored(thread, 3_000_000 + n);
                    }
                });
            }
        });

        let mut expected = Histogram::default();
        for _ in 0..3 {
            for n in 0..1000 {
                expected.record_event(1000 * n);
                expected.record_censored(3_000_000 + n);
            }
        }
        assert_eq!(silences.collect(), expected);
    }

    #[test]
    fn no_shards_means_one() {
        let silences = Silences::new(0);
        silences.record_event(7, 5);
        assert_eq!(silences.collect().count(), 1);
    }
}
