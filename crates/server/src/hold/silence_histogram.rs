//! Silences of connections in 68 logarithmic buckets: how many ended in each, and by what.

/// Four linear steps in each octave, from about 1 ms to 134 s.
pub const BUCKETS: usize = 68;

const LEAST_US: u64 = 1 << 10;
const MOST_US: u64 = (1 << 27) - 1;

/// The bucket that a silence belongs to. Shorter and longer silences than the range count in the first and the last.
#[inline]
pub(super) fn bucket(silence_us: u64) -> usize {
    let us = silence_us.clamp(LEAST_US, MOST_US);
    let octave = us.ilog2();
    let step = (us >> (octave - 2)) & 3;
    4 * (octave as usize - 10) + step as usize
}

/// Where bucket `index` begins, in microseconds; `lower(BUCKETS)` is where the last one ends.
#[inline]
pub(super) fn lower(index: usize) -> u64 {
    if index == 0 { 0 } else { (4 + index as u64 % 4) << (8 + index / 4) }
}

/// How wide bucket `index` is, in microseconds.
#[inline]
pub(super) fn width(index: usize) -> u64 {
    lower(index + 1) - lower(index)
}

/// The part of a silence that was spent inside its own bucket, in microseconds: at most the bucket's width.
#[inline]
pub(super) fn part(index: usize, silence_us: u64) -> u64 {
    (silence_us - lower(index)).min(width(index))
}

/// What is known about the silences that ended in one bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bucket {
    /// Silences that a request ended.
    pub(super) events: u64,
    /// Silences that ended otherwise: the connection went away, or was still silent when we counted.
    pub(super) censored: u64,
    /// Time that all of these spent inside this bucket.
    pub(super) time_us: u64,
}

/// The silences of many connections, and what ended them. Cheap to merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    pub(super) buckets: [Bucket; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { buckets: [Bucket::default(); BUCKETS] }
    }
}

impl Histogram {
    /// A request came after this silence.
    pub fn record_event(&mut self, silence_us: u64) {
        let index = bucket(silence_us);
        self.buckets[index].events += 1;
        self.buckets[index].time_us += part(index, silence_us);
    }

    /// The silence lasted so long, and no request ended it: the connection was closed, or is idle now.
    pub fn record_censored(&mut self, silence_us: u64) {
        let index = bucket(silence_us);
        self.buckets[index].censored += 1;
        self.buckets[index].time_us += part(index, silence_us);
    }

    /// Adds everything that `other` has seen.
    pub fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            mine.events += theirs.events;
            mine.censored += theirs.censored;
            mine.time_us += theirs.time_us;
        }
    }

    /// Silences counted, whatever ended them.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.events + bucket.censored).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_silences_fall_into_known_buckets() {
        let known =
            [(0, 0), (1279, 0), (1280, 1), (1_000_000, 39), (5_000_000, 48), (60_000_000, 63), (200_000_000, 67)];
        for (silence_us, index) in known {
            assert_eq!(bucket(silence_us), index, "{silence_us} us");
        }
    }

    #[test]
    fn buckets_join_without_a_gap() {
        for index in 0..BUCKETS {
            assert!(lower(index) < lower(index + 1), "bucket {index}");
            assert_eq!(bucket(lower(index + 1) - 1), index, "the last microsecond of bucket {index}");
        }
        assert_eq!(lower(BUCKETS), MOST_US + 1);
    }

    proptest! {
        #[test]
        fn a_silence_lies_inside_its_bucket(silence_us in 0..=MOST_US) {
            let index = bucket(silence_us);
            prop_assert!(lower(index) <= silence_us && silence_us < lower(index + 1));
        }

        #[test]
        fn any_silence_has_a_bucket_and_a_part_no_wider(silence_us: u64) {
            let index = bucket(silence_us);
            prop_assert!(index < BUCKETS);
            prop_assert!(part(index, silence_us) <= width(index));
        }

        #[test]
        fn merging_is_counting_together(first in proptest::collection::vec(0u64..1 << 28, 0..50), second in proptest::collection::vec(0u64..1 << 28, 0..50)) {
            let (mut apart, mut other, mut together) = (Histogram::default(), Histogram::default(), Histogram::default());
            for &silence_us in &first { apart.record_event(silence_us); together.record_event(silence_us); }
            for &silence_us in &second { other.record_censored(silence_us); together.record_censored(silence_us); }
            apart.merge(&other);
            prop_assert_eq!(apart, together);
        }
    }
}
