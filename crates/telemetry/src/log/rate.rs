//! How many lines one place in the code may write in a second. Pure: time comes in, verdicts go out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing::Metadata;
use tracing::callsite::Identifier;

/// The window in which lines are counted.
pub(super) const WINDOW: Duration = Duration::from_secs(1);

/// Counts the lines of each callsite. Callsites are places in the code, so their number is bounded.
#[derive(Debug)]
pub(super) struct Limiter {
    rate: u32,
    windows: Mutex<HashMap<Identifier, Window>>,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    passed: u32,
    /// Lines that were held back and that no line has summed up yet.
    held: u64,
    metadata: &'static Metadata<'static>,
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is written.
    Pass,
    /// It is counted. The first one of its window: a summary is due when the window ends.
    HoldFirst,
    /// It is counted.
    Hold,
}

/// Lines that were held back at one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) count: u64,
    pub(super) metadata: &'static Metadata<'static>,
}

impl Limiter {
    /// At most `rate` lines per second and callsite.
    pub(super) fn new(rate: u32) -> Self {
        Self { rate, windows: Mutex::default() }
    }

    /// The bound.
    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// One line wants to be written.
    pub(super) fn admit(&self, metadata: &'static Metadata<'static>, now: Instant) -> Verdict {
        let mut windows = self.lock();
        let fresh = || Window { began: now, passed: 0, held: 0, metadata };
        let window = windows.entry(metadata.callsite()).or_insert_with(fresh);
        if now.saturating_duration_since(window.began) >= WINDOW {
            (window.began, window.passed) = (now, 0);
        }
        if window.passed < self.rate {
            window.passed += 1;
            return Verdict::Pass;
        }
        window.held += 1;
        if window.held == 1 { Verdict::HoldFirst } else { Verdict::Hold }
    }

    /// What was held back in windows that have ended, or in all of them; and when the next window ends in which
    /// something was.
    pub(super) fn take_held(&self, now: Instant, all: bool) -> (Vec<Held>, Option<Instant>) {
        let mut next: Option<Instant> = None;
        let mut held = Vec::new();
        for window in self.lock().values_mut().filter(|window| window.held > 0) {
            let ends = window.began + WINDOW;
            if all || ends <= now {
                held.push(Held { count: std::mem::take(&mut window.held), metadata: window.metadata });
            } else {
                next = Some(next.map_or(ends, |next| next.min(ends)));
            }
        }
        (held, next)
    }

    /// A panic while the lock was held cannot have left a window halfway.
    fn lock(&self) -> MutexGuard<'_, HashMap<Identifier, Window>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The metadata of two callsites.
    fn callsites() -> [&'static Metadata<'static>; 2] {
        use tracing::callsite::Callsite as _;
        macro_rules! callsite {
            () => {
                tracing::callsite! { name: "test", kind: tracing::metadata::Kind::EVENT, fields: message }
            };
        }
        [callsite!().metadata(), callsite!().metadata()]
    }

    #[test]
    fn each_place_has_its_share_of_each_second_and_the_rest_is_counted() {
        let limiter = Limiter::new(3);
        let [one, other] = callsites();
        let start = Instant::now();
        let verdicts: Vec<_> = (0..5).map(|_| limiter.admit(one, start)).collect();
        assert_eq!(verdicts[..3], [Verdict::Pass; 3]);
        assert_eq!(verdicts[3..], [Verdict::HoldFirst, Verdict::Hold]);
        assert_eq!(limiter.admit(other, start), Verdict::Pass, "another place has its own share");

        let (held, next) = limiter.take_held(start, false);
        assert!(held.is_empty(), "the second has not ended");
        assert_eq!(next, Some(start + WINDOW));
        let (held, next) = limiter.take_held(start + WINDOW, false);
        assert_eq!((held.len(), held[0].count, next), (1, 2, None));
        assert!(limiter.take_held(start + WINDOW, true).0.is_empty(), "summed up once");

        assert_eq!(limiter.admit(one, start + WINDOW), Verdict::Pass, "a new second");
    }

    #[test]
    fn what_was_held_is_summed_up_even_if_a_new_second_began_first() {
        let limiter = Limiter::new(1);
        let [one, _] = callsites();
        let start = Instant::now();
        for _ in 0..3 {
            limiter.admit(one, start);
        }
        assert_eq!(limiter.admit(one, start + WINDOW), Verdict::Pass);
        let (held, _) = limiter.take_held(start + WINDOW, true);
        assert_eq!(held[0].count, 2);
    }
}
