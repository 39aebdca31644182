//! Does the plan fit into the grace period?

use crate::plan::{Plan, Strategy, Timeout};
use std::fmt::Write as _;
use std::time::Duration;

/// `timeout: auto` must be left at least this much.
const AUTO_TIMEOUT_LEAST: Duration = Duration::from_secs(1);

/// The sum `pre_stop + wait + timeout + release + flush + margin`, part by part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Each part: name as in the configuration, and the most it takes.
    pub parts: [(&'static str, Duration); 6],
    /// What there is.
    pub grace_period: Duration,
}

impl Budget {
    /// The most that each part of `plan` takes.
    pub fn new(plan: &Plan) -> Self {
        let wait = match plan.strategy {
            Strategy::Immediate => ("wait", Duration::ZERO),
            Strategy::Delay => ("delay", plan.delay),
            Strategy::Quiet | Strategy::Observe => ("delay_max", plan.delay_max),
        };
        let timeout = match plan.timeout {
            Timeout::Auto => AUTO_TIMEOUT_LEAST,
            Timeout::After(timeout) => timeout,
            Timeout::None => Duration::ZERO,
        };
        Self {
            parts: [
                ("pre_stop", plan.pre_stop),
                wait,
                ("timeout", timeout),
                ("release", plan.release),
                ("flush", plan.flush),
                ("margin", plan.margin),
            ],
            grace_period: plan.grace_period,
        }
    }

    /// The sum.
    pub fn total(&self) -> Duration {
        self.parts.iter().map(|(_, part)| *part).fold(Duration::ZERO, Duration::saturating_add)
    }

    /// The most that LameDuck takes.
    pub(crate) fn wait(&self) -> Duration {
        self.parts[1].1
    }

    /// What Draining is to get at least.
    pub(crate) fn timeout(&self) -> Duration {
        self.parts[2].1
    }

    /// The sum spelled out: `pre_stop 0s + delay_max 10s + … = 17s of 30s`.
    pub fn sum(&self) -> String {
        let mut text = String::new();
        for (index, (name, part)) in self.parts.iter().enumerate() {
            let plus = if index == 0 { "" } else { " + " };
            let _ = write!(text, "{plus}{name} {part:?}");
        }
        let _ = write!(text, " = {:?} of {:?}", self.total(), self.grace_period);
        text
    }

    /// Checks the plan.
    ///
    /// # Errors
    /// [`BudgetError`], with a sentence that names the keys and the numbers.
    pub fn check(plan: &Plan) -> Result<Self, BudgetError> {
        let adaptive = matches!(plan.strategy, Strategy::Quiet | Strategy::Observe);
        for (key, value) in [("delay", plan.delay), ("floor", plan.floor)] {
            if adaptive && value > plan.delay_max {
                return Err(BudgetError::AboveCeiling { key, value, delay_max: plan.delay_max });
            }
        }
        let budget = Self::new(plan);
        if budget.total() > budget.grace_period { Err(BudgetError::DoesNotFit(Box::new(budget))) } else { Ok(budget) }
    }
}

/// The plan cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BudgetError {
    /// The parts take longer than the grace period.
    DoesNotFit(Box<Budget>),
    /// A wait is longer than the most that its strategy may wait.
    AboveCeiling {
        /// `delay` or `floor`.
        key: &'static str,
        /// Its value.
        value: Duration,
        /// The ceiling.
        delay_max: Duration,
    },
}

impl std::fmt::Display for BudgetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::DoesNotFit(budget) => {
                let over = budget.total() - budget.grace_period;
                write!(f, "the exit does not fit into the grace period: {}, {over:?} too long", budget.sum())
            }
            Self::AboveCeiling { key, value, delay_max } => {
                write!(f, "drain.{key} ({value:?}) is longer than drain.delay_max ({delay_max:?})")
            }
        }
    }
}

impl std::error::Error for BudgetError {}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn the_default_fits_and_says_how() {
        let budget = Budget::check(&Plan::default()).unwrap();
        assert_eq!(
            budget.sum(),
            "pre_stop 0ns + delay_max 10s + timeout 1s + release 3s + flush 2s + margin 1s = 17s of 30s"
                .replace("0ns", &format!("{:?}", Duration::ZERO))
        );
    }

    #[test]
    fn what_does_not_fit_is_spelled_out() {
        let plan = Plan { grace_period: S(10), strategy: Strategy::Delay, ..Plan::default() };
        let error = Budget::check(&plan).unwrap_err().to_string();
        assert!(
            error.contains("delay 5s + timeout 1s + release 3s + flush 2s + margin 1s = 12s of 10s, 2s too long"),
            "{error}"
        );
        assert!(Budget::check(&Plan { timeout: Timeout::None, release: S(2), ..plan }).is_ok());
    }

    #[test]
    fn waits_above_the_ceiling_matter_only_where_there_is_one() {
        let plan = Plan { delay: S(12), ..Plan::default() };
        let error = Budget::check(&plan).unwrap_err();
        assert_eq!(error.to_string(), "drain.delay (12s) is longer than drain.delay_max (10s)");
        assert!(Budget::check(&Plan { strategy: Strategy::Delay, ..plan }).is_ok());
    }
}
