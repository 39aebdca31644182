//! Monotonic nanoseconds as one word: what the cells of a connection can hold.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

static BASE: OnceLock<Instant> = OnceLock::new();

/// Nanoseconds since this process first asked. Above 0, so that 0 can mean "never".
#[inline]
pub(crate) fn now_ns() -> u64 {
    let base = *BASE.get_or_init(|| Instant::now() - Duration::from_nanos(1));
    base.elapsed().as_nanos() as u64
}

/// `duration` in the clock's unit; what does not fit is for ever.
#[inline]
pub(crate) fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
