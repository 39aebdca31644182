//! How the load threads themselves did: a drill on a machine that is too busy proves nothing.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::counts::fill;

/// How often a load thread looks at its own punctuality.
const EVERY: Duration = Duration::from_millis(10);
/// Longest lateness told apart.
const LATE_MAX_MICROS: u64 = 60_000_000;

/// How much later than asked for the load threads got to run, and the processor time they took.
#[derive(Clone, Debug)]
pub struct Lag {
    late: Histogram<u64>,
    processor: Duration,
}

impl Default for Lag {
    fn default() -> Self {
        Self::new()
    }
}

impl Lag {
    /// Nothing measured yet.
    pub fn new() -> Self {
        let late = Histogram::new_with_bounds(1, LATE_MAX_MICROS, 2).expect("the bounds are constants that fit");
        Self { late, processor: Duration::ZERO }
    }

    /// Lag that was measured elsewhere.
    pub fn from_counts(late: &[(u64, u64)], processor: Duration) -> Self {
        let mut lag = Self::new();
        fill(&mut lag.late, late, LATE_MAX_MICROS);
        lag.processor = processor;
        lag
    }

    /// Lateness in microseconds.
    pub fn late(&self) -> &Histogram<u64> {
        &self.late
    }

    /// The lateness below which this share of the measurements stayed.
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_micros(self.late.value_at_quantile(share))
    }

    /// The greatest lateness.
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.late.max())
    }

    /// Adds what other threads measured.
    pub fn add(&mut self, other: &Self) {
        self.late.add(&other.late).expect("all histograms have the same bounds");
        self.processor += other.processor;
    }

    /// Processor time of all load threads, user and system; zero where the system does not tell.
    pub fn processor(&self) -> Duration {
        self.processor
    }

    /// Adds the processor time of the calling thread, which is about to end.
    pub fn add_this_thread(&mut self) {
        self.processor += processor_of_this_thread();
    }

    fn record(&mut self, late: Duration) {
        self.late.saturating_record(u64::try_from(late.as_micros()).unwrap_or(LATE_MAX_MICROS).max(1));
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

#[cfg(target_os = "linux")]
fn processor_of_this_thread() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer.
    let told = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) } == 0;
    let parts = u64::try_from(time.tv_sec).ok().zip(u32::try_from(time.tv_nsec).ok());
    parts.filter(|_| told).map_or(Duration::ZERO, |(seconds, nanos)| Duration::new(seconds, nanos))
}

#[cfg(not(target_os = "linux"))]
fn processor_of_this_thread() -> Duration {
    Duration::ZERO
}
