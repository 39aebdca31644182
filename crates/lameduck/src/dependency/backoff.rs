//! Pauses between attempts: doubling, bounded, and different in each replica.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const MOST: Duration = Duration::from_secs(3);

/// A pause for each attempt that failed.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failed: u32,
}

impl Backoff {
    /// The next pause.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = FIRST.saturating_mul(1 << self.failed.min(16)).min(MOST);
        self.failed = self.failed.saturating_add(1);
        // Replicas that lost the same dependency must not come back as one herd.
        pause.mul_f64(0.75 + 0.25 * fraction())
    }

    /// Attempts that failed so far.
    pub(crate) fn failed(&self) -> u32 {
        self.failed
    }
}

/// From 0 up to 1. The standard library seeds its hashers at random; that is random enough for a pause.
fn fraction() -> f64 {
    f64::from(RandomState::new().build_hasher().finish() as u32) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound() {
        let mut backoff = Backoff::default();
        let pauses: Vec<Duration> = (0..40).map(|_| backoff.pause()).collect();
        assert!(pauses[0] <= FIRST, "{pauses:?}");
        assert!(pauses[1] > FIRST, "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause <= MOST), "{pauses:?}");
        assert!(pauses[39] >= MOST.mul_f64(0.75), "{pauses:?}");
        assert_eq!(backoff.failed(), 40);
    }
}
