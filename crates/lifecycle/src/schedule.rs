//! One deadline, and the shares of the time before it.

use crate::budget::Budget;
use crate::plan::{Plan, Timeout};
use std::time::Duration;

/// Draining gets at least this much of what LameDuck could take, as far as there is so much.
const DRAINING_LEAST: Duration = Duration::from_secs(1);

/// When each phase must be over, counted back from the deadline. A pure function of plan, start and deadline: when the
/// deadline moves, all of it moves, and nobody starts a time-out of its own.
///
/// With a grace that the plan fits into (see [`Budget`]) every share is whole. With a shorter one the margin gives way
/// down to a quarter of it, and the later shares, in proportion, down to half of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// LameDuck is over at the latest. `None`: only its own strategy bounds it.
    pub leave_lame_duck_by: Option<Duration>,
    /// What is in flight is cut.
    pub drain_until: Option<Duration>,
    /// Releasing is cut.
    pub release_until: Option<Duration>,
    /// Flushing is cut: the deadline.
    pub flush_until: Option<Duration>,
}

impl Schedule {
    /// The deadline of a process that began to leave at `began` with this grace, or `None` with `timeout: none`.
    pub fn deadline(plan: &Plan, began: Duration, grace_period: Duration) -> Option<Duration> {
        if plan.timeout == Timeout::None {
            return None;
        }
        let left = grace_period.saturating_sub(plan.pre_stop);
        let spare = left.saturating_sub(before_later(plan) + plan.release + plan.flush);
        Some(began + left - plan.margin.min(spare.max(left / 4)))
    }

    /// The shares before `deadline`.
    pub fn new(plan: &Plan, began: Duration, deadline: Option<Duration>) -> Self {
        let Some(deadline) = deadline else {
            return Self { leave_lame_duck_by: None, drain_until: None, release_until: None, flush_until: None };
        };
        let total = deadline.saturating_sub(began);
        let later_most = total.saturating_sub(before_later(plan)).max(total / 2);
        let (release, flush) = shrunk(plan.release, plan.flush, later_most);
        let release_until = deadline.saturating_sub(flush).max(began);
        let drain_until = release_until.saturating_sub(release).max(began);
        let least = DRAINING_LEAST.min(Budget::new(plan).timeout()).min((drain_until - began) / 2);
        Self {
            leave_lame_duck_by: Some(drain_until - least),
            drain_until: Some(drain_until),
            release_until: Some(release_until),
            flush_until: Some(deadline),
        }
    }

    /// When Draining that began at `since` is cut.
    pub fn drain_cut(&self, plan: &Plan, since: Duration) -> Option<Duration> {
        match plan.timeout {
            Timeout::None => None,
            Timeout::Auto => self.drain_until,
            Timeout::After(timeout) => self.drain_until.map(|until| until.min(since + timeout)),
        }
    }

    /// When Releasing that began at `since` is cut.
    pub fn release_cut(&self, plan: &Plan, since: Duration) -> Duration {
        bounded(since + plan.release, self.release_until)
    }

    /// When Flushing that began at `since` is cut.
    pub fn flush_cut(&self, plan: &Plan, since: Duration) -> Duration {
        bounded(since + plan.flush, self.flush_until)
    }
}

/// What LameDuck and Draining may count on.
fn before_later(plan: &Plan) -> Duration {
    let budget = Budget::new(plan);
    budget.wait() + budget.timeout()
}

/// Both as they are if they fit into `most`, else in proportion.
fn shrunk(release: Duration, flush: Duration, most: Duration) -> (Duration, Duration) {
    let both = release + flush;
    if both <= most {
        return (release, flush);
    }
    let shrink = most.as_secs_f64() / both.as_secs_f64();
    (release.mul_f64(shrink), flush.mul_f64(shrink))
}

fn bounded(own: Duration, shared: Option<Duration>) -> Duration {
    shared.map_or(own, |shared| shared.min(own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Strategy;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn the_contract_splits_thirty_seconds() {
        let plan = Plan::default();
        let deadline = Schedule::deadline(&plan, S(100), S(30));
        assert_eq!(deadline, Some(S(129)));
        let schedule = Schedule::new(&plan, S(100), deadline);
        assert_eq!(schedule.drain_until, Some(S(124)));
        assert_eq!(schedule.release_until, Some(S(127)));
        assert_eq!(schedule.leave_lame_duck_by, Some(S(123)));
    }

    #[test]
    fn a_short_grace_is_shared_out() {
        let plan = Plan::default();
        let deadline = Schedule::deadline(&plan, S(0), S(3)).unwrap();
        assert_eq!(deadline, Duration::from_millis(2_250));
        let schedule = Schedule::new(&plan, S(0), Some(deadline));
        let drain = schedule.drain_until.unwrap();
        assert!(drain >= Duration::from_millis(1_124), "half of it is for requests: {drain:?}");
        assert!(schedule.leave_lame_duck_by.unwrap() < drain);
    }

    #[test]
    fn large_later_shares_are_kept_if_the_plan_fits() {
        let plan = Plan {
            strategy: Strategy::Immediate,
            release: S(12),
            margin: S(9),
            grace_period: S(24),
            ..Plan::default()
        };
        let deadline = Schedule::deadline(&plan, S(0), plan.grace_period);
        assert_eq!(deadline, Some(S(15)), "all of the margin");
        let schedule = Schedule::new(&plan, S(0), deadline);
        assert_eq!((schedule.drain_until, schedule.release_until), (Some(S(1)), Some(S(13))));
    }

    #[test]
    fn no_grace_at_all_ends_at_once() {
        let plan = Plan::default();
        let deadline = Schedule::deadline(&plan, S(7), S(0));
        assert_eq!(deadline, Some(S(7)));
        assert_eq!(Schedule::new(&plan, S(7), deadline).drain_until, Some(S(7)));
    }

    #[test]
    fn a_timeout_never_reaches_into_the_later_shares() {
        let plan = Plan { timeout: Timeout::After(S(60)), ..Plan::default() };
        let schedule = Schedule::new(&plan, S(0), Schedule::deadline(&plan, S(0), S(30)));
        assert_eq!(schedule.drain_cut(&plan, S(10)), Some(S(24)));
        let plan = Plan { timeout: Timeout::After(S(4)), ..plan };
        assert_eq!(schedule.drain_cut(&plan, S(10)), Some(S(14)));
    }
}
