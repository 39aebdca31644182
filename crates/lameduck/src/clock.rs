//! The one clock: time since the start of the process, as the machine counts it.

use std::time::Duration;
use tokio::time::Instant;

/// Turns moments into durations since the start and back. Follows tokio's paused time in tests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
}

impl Clock {
    /// A process that starts now.
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Time since the start.
    pub(crate) fn now(self) -> Duration {
        self.started.elapsed()
    }

    /// The moment `at` after the start.
    pub(crate) fn instant(self, at: Duration) -> Instant {
        self.started + at
    }
}
