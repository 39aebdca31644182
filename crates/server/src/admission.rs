//! The admission state: one word that every request reads once, after it has registered in the ledger.

use lameduck_support::hash;
use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

/// Clients are told to leave.
pub(crate) const LEAVING: u32 = 1;
/// Listeners close, idle connections go.
pub(crate) const DRAINING: u32 = 2;
/// The deadline has come: what is left is cut.
pub(crate) const FORCED: u32 = 4;
/// So many connections are open that their requests could exceed the limit: count before admitting.
pub(crate) const CROWDED: u32 = 8;

/// How the probability of the notice rises, so that clients do not come back as one herd.
const RAMP_NS: u64 = 1_000_000_000;

/// The word, and when leaving began.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    state: AtomicU32,
    left_ns: AtomicU64,
    drained_ns: AtomicU64,
}

impl Admission {
    /// The state as somebody sees it who has registered before.
    #[inline]
    pub(crate) fn after_registering(&self) -> u32 {
        self.state.load(SeqCst)
    }

    /// The state, for a decision that may come a moment late.
    #[inline]
    pub(crate) fn now(&self) -> u32 {
        self.state.load(Relaxed)
    }

    /// Leaving begins; false if it had.
    pub(crate) fn leave(&self, now_ns: u64) -> bool {
        // The time first: who sees the bit must find the time.
        let first = self.left_ns.compare_exchange(0, now_ns, SeqCst, SeqCst).is_ok();
        self.state.fetch_or(LEAVING, SeqCst);
        first
    }

    /// Draining begins; false if it had.
    pub(crate) fn drain(&self, now_ns: u64) -> bool {
        let first = self.drained_ns.compare_exchange(0, now_ns, SeqCst, SeqCst).is_ok();
        self.state.fetch_or(DRAINING, SeqCst);
        first
    }

    /// The deadline; false if it had come.
    pub(crate) fn force(&self) -> bool {
        self.state.fetch_or(FORCED, SeqCst) & FORCED == 0
    }

    /// Whether requests must be counted before they are admitted.
    pub(crate) fn set_crowded(&self, crowded: bool) {
        if crowded {
            self.state.fetch_or(CROWDED, SeqCst);
        } else {
            self.state.fetch_and(!CROWDED, SeqCst);
        }
    }

    /// When leaving began; 0 = not yet.
    pub(crate) fn left_ns(&self) -> u64 {
        self.left_ns.load(Relaxed)
    }

    /// When Draining began; 0 = not yet.
    pub(crate) fn drained_ns(&self) -> u64 {
        self.drained_ns.load(Relaxed)
    }

    /// Whether this response is to carry the notice. `dice` is any number that differs from response to response.
    pub(crate) fn tells(&self, state: u32, now_ns: u64, dice: u64) -> bool {
        if state & (DRAINING | FORCED) != 0 {
            return true;
        }
        state & LEAVING != 0 && due(now_ns.saturating_sub(self.left_ns()), dice)
    }
}

/// Whether a response so long after the start of leaving is told, for this throw.
fn due(since_ns: u64, dice: u64) -> bool {
    // A multiplicative hash: neighbouring ids and times must not throw the same.
    let thrown = hash::scatter(dice).rotate_left(32) % RAMP_NS;
    thrown < since_ns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notice_rises_linearly_over_the_first_second() {
        let told = |since_ns| (0..10_000).filter(|&dice| due(since_ns, dice)).count();
        assert_eq!(told(0), 0);
        assert_eq!(told(RAMP_NS), 10_000);
        for tenth in 1..10 {
            let told = told(RAMP_NS / 10 * tenth);
            assert!(told.abs_diff(tenth as usize * 1000) < 300, "{told} told at {tenth}00 ms");
        }
    }

    #[test]
    fn draining_tells_everybody_and_serving_nobody() {
        let admission = Admission::default();
        assert!(!admission.tells(admission.now(), 5, 7));
        assert!(admission.leave(10));
        assert!(!admission.leave(20));
        assert_eq!(admission.left_ns(), 10);
        assert!(admission.drain(30));
        assert!((0..100).all(|dice| admission.tells(admission.now(), 30, dice)));
    }
}
