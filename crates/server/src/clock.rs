//! Monotonic nanoseconds as one word: what the cells of a connection can hold.

use std::time::Duration;

/// Nanoseconds of the system's monotonic clock. Above 0, so that 0 can mean "never".
#[cfg(unix)]
#[inline]
pub(crate) fn now_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // Read twice for each request, so without the arithmetic that `Instant` adds.
    // SAFETY: `time` is valid for a write, and this clock exists on every Unix.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64 + 1
}

/// Nanoseconds since this process first asked. Above 0, so that 0 can mean "never".
#[cfg(not(unix))]
pub(crate) fn now_ns() -> u64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static BASE: OnceLock<Instant> = OnceLock::new();
    ns(BASE.get_or_init(Instant::now).elapsed()) + 1
}

/// `duration` in the clock's unit; what does not fit is for ever.
#[inline]
pub(crate) fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
