//! New connections: how many a second before leaving, and each one while leaving.

use crate::clock;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How far back the rate looks.
const WINDOW: Duration = Duration::from_secs(60);

/// Less than this says nothing.
const LEAST: Duration = Duration::from_secs(1);

/// New connections while leaving.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Since the start of leaving.
    pub count: u64,
    /// The newest.
    pub last: Option<Instant>,
}

/// Counts new connections.
#[derive(Debug)]
pub(crate) struct Watcher {
    accepted: AtomicU64,
    window: Mutex<Window>,
    leaving: watch::Sender<Arrivals>,
}

impl Default for Watcher {
    fn default() -> Self {
        Self { accepted: AtomicU64::new(0), window: Mutex::default(), leaving: watch::Sender::new(Arrivals::default()) }
    }
}

impl Watcher {
    /// One came; `leaving`: after the signal.
    pub(crate) fn record(&self, leaving: bool) {
        self.accepted.fetch_add(1, Relaxed);
        if leaving {
            self.leaving.send_modify(|arrivals| {
                arrivals.count += 1;
                arrivals.last = Some(Instant::now());
            });
        }
    }

    /// The sweep's regular look, for the rate.
    pub(crate) fn sample(&self, now_ns: u64) {
        self.window().sample(now_ns, self.accepted.load(Relaxed));
    }

    /// Leaving begins: the rate stays what it was.
    pub(crate) fn freeze(&self, now_ns: u64) {
        let mut window = self.window();
        window.sample(now_ns, self.accepted.load(Relaxed));
        window.frozen = true;
    }

    /// New connections a second before leaving.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.window().rate()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arrivals> {
        self.leaving.subscribe()
    }

    fn window(&self) -> std::sync::MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The count at regular moments, as far back as the rate looks.
#[derive(Debug, Default)]
struct Window {
    samples: VecDeque<(u64, u64)>,
    frozen: bool,
}

impl Window {
    fn sample(&mut self, now_ns: u64, accepted: u64) {
        if self.frozen {
            return;
        }
        self.samples.push_back((now_ns, accepted));
        while self.samples.front().is_some_and(|&(at, _)| now_ns.saturating_sub(at) > clock::ns(WINDOW)) {
            self.samples.pop_front();
        }
    }

    fn rate(&self) -> Option<f64> {
        let (&(first_ns, first), &(last_ns, last)) = (self.samples.front()?, self.samples.back()?);
        let observed = Duration::from_nanos(last_ns.saturating_sub(first_ns));
        (observed >= LEAST).then(|| (last - first) as f64 / observed.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn the_rate_is_that_of_the_last_minute() {
        let mut window = Window::default();
        assert_eq!(window.rate(), None);
        window.sample(SECOND, 0);
        assert_eq!(window.rate(), None, "no time has passed");
        for second in 2..=1000 {
            let accepted = if second <= 500 { 100 * second } else { 50_000 + 2 * (second - 500) };
            window.sample(second * SECOND, accepted);
        }
        assert_eq!(window.rate(), Some(2.0));
        assert!(window.samples.len() <= 62);
    }

    #[test]
    fn a_freeze_that_took_the_time_before_the_first_sample_is_no_error() {
        let watcher = Watcher::default();
        watcher.sample(2 * SECOND);
        watcher.freeze(SECOND);
        assert_eq!(watcher.rate(), None);
    }

    #[test]
    fn leaving_freezes_the_rate() {
        let watcher = Watcher::default();
        watcher.sample(SECOND);
        (0..10).for_each(|_| watcher.record(false));
        watcher.freeze(3 * SECOND);
        (0..10).for_each(|_| watcher.record(true));
        watcher.sample(4 * SECOND);
        assert_eq!(watcher.rate(), Some(5.0));
        assert_eq!(watcher.subscribe().borrow().count, 10);
    }
}
