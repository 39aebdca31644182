//! How late the load threads themselves were: a drill on a machine that is too busy proves nothing.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// How often a load thread looks at its own punctuality.
const EVERY: Duration = Duration::from_millis(10);
/// Longest lateness told apart.
const LATE_MAX_MICROS: u64 = 60_000_000;

/// How much later than asked for a load thread got to run.
#[derive(Clone, Debug)]
pub(crate) struct Lag(Histogram<u64>);

impl Lag {
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LATE_MAX_MICROS, 2).expect("the bounds are constants that fit"))
    }

    pub(crate) fn quantile(&self, share: f64) -> Duration {
        Duration::from_micros(self.0.value_at_quantile(share))
    }

    pub(crate) fn max(&self) -> Duration {
        Duration::from_micros(self.0.max())
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all histograms have the same bounds");
    }

    fn record(&mut self, late: Duration) {
        self.0.saturating_record(u64::try_from(late.as_micros()).unwrap_or(LATE_MAX_MICROS).max(1));
    }
}

/// Measures for as long as it is polled.
///
/// # Cancel safety
/// What was measured so far stays in the cell.
pub(crate) async fn watch(lag: &std::cell::RefCell<Lag>) {
    loop {
        let wanted = Instant::now() + EVERY;
        tokio::time::sleep_until(wanted.into()).await;
        lag.borrow_mut().record(wanted.elapsed());
    }
}
