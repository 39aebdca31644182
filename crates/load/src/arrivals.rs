//! When requests fall due: a Poisson process for each client, decided before anything is known of the answers.
//!
//! A request that had to wait behind a slow answer keeps its due time, and its latency counts from there; a server
//! that stalls cannot hide the stall by keeping the clients busy.

use std::time::{Duration, Instant};

use crate::random::Random;

/// Longest gap between two requests of one client; keeps the tail of the distribution within a run.
const GAP_MAX: Duration = Duration::from_secs(300);

/// The due times of one client.
#[derive(Debug)]
pub(crate) struct Arrivals {
    mean_seconds: f64,
    next: Instant,
    random: Random,
}

impl Arrivals {
    /// `rate` is in requests a second; the first falls due a random gap after `start`.
    pub(crate) fn new(rate: f64, start: Instant, random: Random) -> Self {
        let mut arrivals = Self { mean_seconds: 1.0 / rate, next: start, random };
        arrivals.advance();
        arrivals
    }

    pub(crate) fn next_due(&mut self) -> Instant {
        let due = self.next;
        self.advance();
        due
    }

    /// A number for other choices of the same client.
    pub(crate) fn choice(&mut self) -> u64 {
        self.random.next_u64()
    }

    fn advance(&mut self) {
        let gap = Duration::try_from_secs_f64(self.random.exponential(self.mean_seconds)).unwrap_or(GAP_MAX);
        self.next += gap.min(GAP_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_whatever_happens_to_the_answers() {
        let start = Instant::now();
        let mut arrivals = Arrivals::new(50.0, start, Random::new(3, 1));
        let last = (0..10_000).map(|_| arrivals.next_due()).last().unwrap();
        let rate = 10_000.0 / (last - start).as_secs_f64();
        assert!((48.0..52.0).contains(&rate), "{rate}");
    }
}
