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

/// A moment of `std`'s clock on this one.
pub(crate) fn at(instant: Instant) -> u64 {
    let now = now_ns();
    match instant.checked_duration_since(Instant::now()) {
        Some(ahead) => now.saturating_add(ns(ahead)),
        None => now.saturating_sub(ns(instant.elapsed())),
    }
}
