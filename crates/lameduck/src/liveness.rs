//! The heartbeat of the work runtime: when no work thread has run it for long, the process is alive in name only.

use crate::clock::Clock;
use lameduck_support::duration::millis;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How often the heart beats, at most.
const BEAT: Duration = Duration::from_secs(1);

/// The age of the last beat. A cheap handle.
#[derive(Clone, Debug)]
pub(crate) struct Heartbeat {
    clock: Clock,
    stall: Duration,
    last_ms: Arc<AtomicU64>,
}

impl Heartbeat {
    /// A heart that counts as beating now.
    pub(crate) fn new(clock: Clock, stall: Duration) -> Self {
        let heartbeat = Self { clock, stall, last_ms: Arc::default() };
        heartbeat.note();
        heartbeat
    }

    /// Beats for ever. To be run on the work runtime.
    pub(crate) async fn beat(self) {
        let pause = BEAT.min(self.stall / 4).max(Duration::from_millis(1));
        loop {
            self.note();
            tokio::time::sleep(pause).await;
        }
    }

    /// Time since the last beat.
    pub(crate) fn age(&self) -> Duration {
        self.clock.now().saturating_sub(Duration::from_millis(self.last_ms.load(Relaxed)))
    }

    /// How long no work thread has run, if that is too long.
    pub(crate) fn stalled(&self) -> Option<Duration> {
        Some(self.age()).filter(|age| *age > self.stall)
    }

    fn note(&self) {
        self.last_ms.store(millis(self.clock.now()), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stalls_without_a_beat_and_recovers_with_one() {
        let heartbeat = Heartbeat::new(Clock::start(), Duration::from_secs(60));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(heartbeat.stalled(), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(heartbeat.stalled(), Some(Duration::from_secs(61)));
        tokio::spawn(heartbeat.clone().beat());
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(heartbeat.stalled(), None);
    }
}
