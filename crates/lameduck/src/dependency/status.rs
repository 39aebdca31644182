//! How a dependency is doing: for /readyz, metrics and the log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Upper bounds of the buckets in which checks are counted by how long they took, in seconds.
pub(crate) const CHECK_BOUNDS: [f64; 7] = [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0];

/// Failures in a row that count as gone, and successes in a row that count as back: readiness must not change with
/// every lost packet.
const GONE_AFTER: u32 = 3;
const BACK_AFTER: u32 = 2;

/// Whether it answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Not connected so far; why the last attempt failed.
    Connecting(Option<String>),
    /// It answers.
    Up,
    /// Connected once, and lost: why.
    Down(String),
    /// Given back, or never acquired: the process leaves.
    #[default]
    Released,
}

/// What an observer sees of a dependency.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) condition: Condition,
    /// Attempts to connect.
    pub(crate) attempts: u64,
    /// Checks that took at most so long, one bucket for each of [`CHECK_BOUNDS`] and one for the rest.
    pub(crate) checks: [u64; CHECK_BOUNDS.len() + 1],
    /// How long all checks took together.
    pub(crate) checks_took: Duration,
}

/// Written by the keeper of the dependency, read by anybody. A cheap handle.
#[derive(Clone, Debug)]
pub(crate) struct Status(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    seen: Seen,
    /// Answers in a row that contradict the condition.
    against: u32,
}

/// A change that others should learn of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Gone,
    Back,
}

impl Status {
    pub(super) fn new() -> Self {
        let seen = Seen { condition: Condition::Connecting(None), ..Seen::default() };
        Self(Arc::new(Mutex::new(Inner { seen, against: 0 })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn seen(&self) -> Seen {
        self.lock().seen.clone()
    }

    pub(crate) fn is_up(&self) -> bool {
        self.lock().seen.condition == Condition::Up
    }

    pub(super) fn attempt(&self) {
        self.lock().seen.attempts += 1;
    }

    pub(super) fn refused(&self, error: &str) {
        self.lock().seen.condition = Condition::Connecting(Some(error.to_owned()));
    }

    pub(super) fn connected(&self) {
        self.lock().seen.condition = Condition::Up;
    }

    pub(super) fn released(&self) {
        self.lock().seen.condition = Condition::Released;
    }

    /// Takes the result of one check; says what changed, if something did.
    pub(super) fn checked(&self, result: Result<(), String>, took: Duration) -> Option<Change> {
        let mut inner = self.lock();
        let seconds = took.as_secs_f64();
        let bucket = CHECK_BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(CHECK_BOUNDS.len());
        inner.seen.checks[bucket] += 1;
        inner.seen.checks_took += took;
        let up = inner.seen.condition == Condition::Up;
        if result.is_ok() == up {
            inner.against = 0;
            if let (Condition::Down(why), Err(error)) = (&mut inner.seen.condition, result) {
                *why = error;
            }
            return None;
        }
        inner.against += 1;
        if inner.against < if up { GONE_AFTER } else { BACK_AFTER } {
            return None;
        }
        inner.against = 0;
        let (condition, change) = match result {
            Ok(()) => (Condition::Up, Change::Back),
            Err(error) => (Condition::Down(error), Change::Gone),
        };
        inner.seen.condition = condition;
        Some(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_failure_changes_nothing() {
        let status = Status::new();
        status.connected();
        let answers = [true, false, true, false, false, true, false, false, false, true, false, true, true, true];
        let check = |good: bool| status.checked(if good { Ok(()) } else { Err("gone".to_owned()) }, Duration::ZERO);
        let changes: Vec<_> = answers.iter().enumerate().filter_map(|(at, &good)| Some((at, check(good)?))).collect();
        assert_eq!(changes, [(8, Change::Gone), (12, Change::Back)]);
        assert!(status.is_up());
        assert_eq!(status.seen().checks, [14, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn checks_are_counted_by_their_time() {
        let status = Status::new();
        status.connected();
        for millis in [1, 2, 600, 9000] {
            status.checked(Ok(()), Duration::from_millis(millis));
        }
        assert_eq!(status.seen().checks, [1, 1, 0, 0, 0, 1, 0, 1]);
        assert_eq!(status.seen().checks_took, Duration::from_millis(9603));
    }
}
