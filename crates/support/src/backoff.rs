//! Pauses between attempts: doubling up to a bound, and different in each replica.

use crate::hash::{SplitMix64, mix};
use std::time::Duration;

/// A pause for each attempt that failed in a row: the first, then double the one before, up to a maximum.
///
/// With [`jitter`](Self::jitter) each pause is shortened by a part that follows from a seed, so that replicas that lost
/// the same server do not return in the same moment, and a test can repeat the row.
///
/// ```
/// use lameduck_support::Backoff;
/// use std::time::Duration;
///
/// let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
/// let pauses: Vec<_> = (0..5).map(|_| backoff.pause().as_millis()).collect();
/// assert_eq!(pauses, [100, 200, 400, 800, 1000]);
/// backoff.reset();
/// assert_eq!(backoff.pause().as_millis(), 100);
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    jitter_percent: u32,
    random: SplitMix64,
    failures: u32,
}

impl Backoff {
    /// Pauses from `first` to `max`, without jitter.
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, jitter_percent: 0, random: SplitMix64::new(0), failures: 0 }
    }

    /// Shortens each pause by up to `percent` of it (at most 100). The same `seed` gives the same row.
    pub fn jitter(mut self, percent: u32, seed: u64) -> Self {
        self.jitter_percent = percent.min(100);
        self.random = SplitMix64::new(mix(seed));
        self
    }

    /// One more attempt failed: how long to wait before the next one.
    pub fn pause(&mut self) -> Duration {
        let whole = self.first.saturating_mul(1 << self.failures.min(30)).min(self.max);
        self.failures = self.failures.saturating_add(1);
        whole.mul_f64(1.0 - f64::from(self.jitter_percent) / 100.0 * self.random.unit())
    }

    /// An attempt succeeded: the next pause is the shortest again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Attempts that failed since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_secs(3);

    #[test]
    fn pauses_grow_to_their_bound_and_start_again() {
        let mut backoff = Backoff::new(FIRST, MAX).jitter(25, 7);
        let pauses: Vec<_> = (0..40).map(|_| backoff.pause()).collect();
        assert!(pauses[0] <= FIRST && pauses[1] > FIRST, "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause <= MAX), "{pauses:?}");
        assert!(pauses[6..].iter().all(|pause| *pause >= MAX.mul_f64(0.75)), "{pauses:?}");
        assert_eq!(backoff.failures(), 40);
        backoff.reset();
        assert!(backoff.failures() == 0 && backoff.pause() <= FIRST);
    }

    #[test]
    fn without_jitter_pauses_are_exact_and_never_overflow() {
        let mut backoff = Backoff::new(Duration::from_millis(5), Duration::MAX);
        assert!((0..100).map(|_| backoff.pause()).is_sorted());
    }

    #[test]
    fn seeds_spread_and_repeat() {
        let first = |seed| Backoff::new(MAX, MAX).jitter(50, seed).pause();
        let all: std::collections::BTreeSet<_> = (0..64).map(first).collect();
        assert!(all.len() > 60, "only {} different pauses", all.len());
        assert_eq!(first(3), first(3));
    }
}
