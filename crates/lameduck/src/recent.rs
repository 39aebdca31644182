//! How the requests of the last minutes went: a ring of a fixed size, filled by a slow tick from what is counted.

use crate::observer::Observer;
use lameduck_lifecycle::Outcome;
use lameduck_server::{BOUNDS_SECONDS, HistogramSnapshot};
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Between two steps.
const STEP: Duration = Duration::from_secs(5);

/// Steps that are kept: five minutes.
const STEPS_MAX: usize = 60;

const BUCKETS: usize = BOUNDS_SECONDS.len() + 1;

/// The last minutes. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent(Arc<Mutex<VecDeque<Counts>>>);

/// What is counted of requests: since the start, or in one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    /// Ended, in any way.
    requests: u64,
    /// Of these: answered with 5xx, or cut.
    errors: u64,
    /// Answered, by duration.
    buckets: [u64; BUCKETS],
}

/// The answer of `GET /recent`.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Document {
    /// How long a step is.
    step_seconds: u64,
    /// All steps together.
    all: Step,
    /// The oldest first.
    steps: Vec<Step>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Step {
    /// That ended.
    requests: u64,
    /// Of these: answered with 5xx, or cut.
    errors: u64,
    /// Estimated from the buckets of the histogram, as PromQL's `histogram_quantile` does. `null`: none was answered.
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

impl Recent {
    /// Adds a step every few seconds, for ever. To be dropped with its runtime.
    pub(crate) async fn fill(self, observer: Observer) {
        let mut ticks = interval_at(Instant::now() + STEP, STEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = Counts::of(&observer);
        loop {
            ticks.tick().await;
            let now = Counts::of(&observer);
            self.add(now.since(&before));
            before = now;
        }
    }

    fn add(&self, step: Counts) {
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if steps.len() == STEPS_MAX {
            steps.pop_front();
        }
        steps.push_back(step);
    }

    /// What is kept, to be read.
    pub(crate) fn document(&self) -> Document {
        let steps = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let all = steps.iter().fold(Counts::default(), |all, step| all.and(step));
        Document { step_seconds: STEP.as_secs(), all: all.step(), steps: steps.iter().map(Counts::step).collect() }
    }
}

impl Counts {
    fn of(observer: &Observer) -> Self {
        let mut counts = Self::default();
        for route in observer.server.histograms() {
            let HistogramSnapshot { buckets, .. } = &route.durations;
            counts.buckets.iter_mut().zip(buckets).for_each(|(all, one)| *all += one);
            if route.status.is_some_and(|status| status >= 500) {
                counts.errors += route.durations.count();
            }
        }
        let ledger = observer.numbers().ledger;
        counts.requests = ledger.started().saturating_sub(ledger.in_flight());
        counts.errors += ledger.outcome(Outcome::Aborted);
        counts
    }

    fn since(&self, before: &Self) -> Self {
        self.with(before, u64::saturating_sub)
    }

    fn and(&self, other: &Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    fn with(&self, other: &Self, each: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            requests: each(self.requests, other.requests),
            errors: each(self.errors, other.errors),
            buckets: std::array::from_fn(|index| each(self.buckets[index], other.buckets[index])),
        }
    }

    fn step(&self) -> Step {
        let ms = |share: f64| self.quantile(share).map(|seconds| (seconds * 1e5).round() / 1e2);
        Step { requests: self.requests, errors: self.errors, p50_ms: ms(0.5), p99_ms: ms(0.99) }
    }

    /// In seconds.
    fn quantile(&self, share: f64) -> Option<f64> {
        let total: u64 = self.buckets.iter().sum();
        if total == 0 {
            return None;
        }
        let rank = share * total as f64;
        let (mut below, mut from) = (0.0, 0.0);
        for (count, to) in self.buckets.iter().zip(BOUNDS_SECONDS) {
            let count = *count as f64;
            if below + count >= rank {
                return Some(from + (to - from) * (rank - below) / count.max(1.0));
            }
            (below, from) = (below + count, to);
        }
        // Above the last bound nothing is known.
        Some(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(requests: u64, buckets: &[(usize, u64)]) -> Counts {
        let mut counts = Counts { requests, ..Counts::default() };
        buckets.iter().for_each(|(index, count)| counts.buckets[*index] = *count);
        counts
    }

    #[test]
    fn quantiles_are_those_of_prometheus() {
        assert_eq!(Counts::default().quantile(0.5), None);
        // Ten below 5 ms, ten between 25 and 50 ms.
        let even = counts(20, &[(0, 10), (3, 10)]);
        assert_eq!(even.step().p50_ms, Some(5.0));
        assert_eq!(even.quantile(0.75).map(|seconds| (seconds * 1e4).round()), Some(375.0));
        assert_eq!(counts(1, &[(BUCKETS - 1, 1)]).step().p99_ms, Some(10_000.0), "above all bounds");
    }

    #[test]
    fn the_ring_keeps_the_last_steps_and_their_sum() {
        let recent = Recent::default();
        for number in 1..=100 {
            recent.add(Counts { errors: 1, ..counts(number, &[(0, number)]) });
        }
        let document = recent.document();
        assert_eq!(document.steps.len(), STEPS_MAX);
        assert_eq!((document.steps[0].requests, document.steps[STEPS_MAX - 1].requests), (41, 100));
        assert_eq!((document.all.requests, document.all.errors), ((41..=100).sum(), 60));
        assert_eq!(document.all.p50_ms, Some(2.5));
    }

    #[test]
    fn a_step_is_what_came_since_the_one_before() {
        let step = counts(5, &[(0, 5)]).since(&counts(3, &[(0, 3)]));
        assert_eq!(step, counts(2, &[(0, 2)]));
    }
}
