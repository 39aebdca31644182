//! How long to pause after a failed attempt.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

const PAUSE_LEAST: Duration = Duration::from_millis(100);
/// A drain has some ten seconds: a longer pause would mean to give up.
const PAUSE_MOST: Duration = Duration::from_secs(1);

/// Growing pauses: 100 ms doubled up to 1 s, each between half and all of that. Which part is a hash of who asks and how
/// often, so that the pods of one rollout spread and a test can repeat it.
#[derive(Debug)]
pub(crate) struct Pace {
    salt: u64,
    failures: u32,
}

impl Pace {
    pub(crate) fn new(who: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        who.hash(&mut hasher);
        Self { salt: hasher.finish(), failures: 0 }
    }

    /// The API server answered: the next pause is the shortest again.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The pause before the next attempt.
    pub(crate) fn failed(&mut self) -> Duration {
        let whole = PAUSE_LEAST.saturating_mul(1 << self.failures.min(8)).min(PAUSE_MOST);
        self.failures = self.failures.saturating_add(1);
        let mut hasher = DefaultHasher::new();
        (self.salt, self.failures).hash(&mut hasher);
        let part = (hasher.finish() % 1024) as u32;
        whole / 2 + (whole / 2) * part / 1024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_begin_anew() {
        let mut pace = Pace::new("uid");
        let pauses: Vec<_> = (0..12).map(|_| pace.failed()).collect();
        assert!(pauses[0] >= PAUSE_LEAST / 2 && pauses[0] <= PAUSE_LEAST, "{pauses:?}");
        assert!(pauses[4..].iter().all(|pause| *pause >= PAUSE_MOST / 2 && *pause <= PAUSE_MOST), "{pauses:?}");
        pace.succeeded();
        assert!(pace.failed() <= PAUSE_LEAST);
    }

    #[test]
    fn pods_spread() {
        let first: std::collections::BTreeSet<_> = (0..64).map(|pod| Pace::new(pod).failed()).collect();
        assert!(first.len() > 32, "only {} different pauses", first.len());
    }
}
