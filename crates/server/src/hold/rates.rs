//! How often a connection speaks that has been silent for so long: the empirical hazard.

use std::time::Duration;

use super::silence_histogram::{BUCKETS, Histogram, bucket, width};

/// A silence counts as at least this long, so that a connection that has just spoken has a finite rate.
const LEAST_SILENCE_SECONDS: f64 = 0.001;

/// Requests a second by silence, learned from a histogram and frozen.
///
/// Calibrated over connections, not for one connection: among many that are silent for so long, this share speaks in
/// the next moment. With no data at all the rate after a silence `s` is 1/s.
#[derive(Clone, Debug)]
pub struct Rates {
    events: [f64; BUCKETS],
    exposure_seconds: [f64; BUCKETS],
}

impl Rates {
    /// Freezes what `seen` knows, together with the connections that are `idle` at this moment (how long each has been
    /// silent): without them the long silences, which have not ended yet, would be missing.
    pub fn freeze(mut seen: Histogram, idle: impl IntoIterator<Item = Duration>) -> Self {
        for silence in idle {
            seen.record_censored(u64::try_from(silence.as_micros()).unwrap_or(u64::MAX));
        }
        let mut rates = Rates { events: [0.0; BUCKETS], exposure_seconds: [0.0; BUCKETS] };
        let mut later = 0;
        for index in (0..BUCKETS).rev() {
            let here = seen.buckets[index];
            // Every silence that ended in a later bucket passed through the whole of this one.
            let passed_us = width(index) as f64 * later as f64;
            rates.events[index] = here.events as f64;
            rates.exposure_seconds[index] = (here.time_us as f64 + passed_us) / 1e6;
            later += here.events + here.censored;
        }
        rates
    }

    /// Requests a second that one connection sends after such a silence. Above 0, finite.
    pub fn rate(&self, silence: Duration) -> f64 {
        let index = bucket(u64::try_from(silence.as_micros()).unwrap_or(u64::MAX));
        let prior = silence.as_secs_f64().max(LEAST_SILENCE_SECONDS);
        (self.events[index] + 1.0) / (self.exposure_seconds[index] + prior)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn assert_rate(rates: &Rates, silence: f64, expected: f64) {
        let rate = rates.rate(seconds(silence));
        assert!((rate - expected).abs() < 5e-7, "after {silence} s: {rate}, not {expected}");
    }

    #[test]
    fn without_data_the_rate_is_one_over_the_silence() {
        let rates = Rates::freeze(Histogram::default(), []);
        assert_rate(&rates, 2.0, 0.5);
        assert_rate(&rates, 0.0, 1000.0);
    }

    #[test]
    fn regular_clients_speak_at_their_period_and_not_before() {
        let mut seen = Histogram::default();
        for _ in 0..100 {
            seen.record_event(5_000_000);
        }
        let rates = Rates::freeze(seen, []);
        assert_rate(&rates, 2.0, 0.035443);
        assert_rate(&rates, 5.0, 1.180326);
        assert_rate(&rates, 8.0, 0.125);
    }

    #[test]
    fn connections_idle_at_the_freeze_count_as_silences_without_an_end() {
        let mut seen = Histogram::default();
        for _ in 0..50 {
            seen.record_event(1_000_000);
        }
        let rates = Rates::freeze(seen, [seconds(4.0); 50]);
        assert_rate(&rates, 1.0, 4.367037);
        assert_rate(&rates, 4.0, 0.048782);
    }

    proptest! {
        #[test]
        fn a_rate_is_positive_and_finite(
            spoke in proptest::collection::vec(any::<u64>(), 0..40),
            idle in proptest::collection::vec(0u64..1 << 40, 0..40),
            silence_us: u64,
        ) {
            let mut seen = Histogram::default();
            for silence_us in spoke { seen.record_event(silence_us); }
            let rate = Rates::freeze(seen, idle.into_iter().map(Duration::from_micros)).rate(Duration::from_micros(silence_us));
            prop_assert!(rate.is_finite() && rate > 0.0, "{}", rate);
        }

        #[test]
        fn more_connections_that_stay_silent_never_raise_a_rate(
            spoke in proptest::collection::vec(0u64..1 << 27, 0..40),
            idle in proptest::collection::vec(0u64..1 << 27, 0..40),
            silence_us in 0u64..1 << 28,
        ) {
            let mut seen = Histogram::default();
            for silence_us in spoke { seen.record_event(silence_us); }
            let silence = Duration::from_micros(silence_us);
            let without = Rates::freeze(seen.clone(), []).rate(silence);
            let with = Rates::freeze(seen, idle.into_iter().map(Duration::from_micros)).rate(silence);
            prop_assert!(with <= without * (1.0 + 1e-12), "{with} > {without}");
        }
    }
}
