//! File descriptors: every connection needs one, and the limit of a shell is often 1,024.

/// Descriptors for everything but connections: files, pipes, probes, runtimes.
#[cfg(unix)]
const RESERVE: u64 = 200;

/// Raises this process's limit to what `connections` need, as far as the system allows without being asked.
///
/// # Errors
/// The hard limit is too low.
#[cfg(unix)]
pub(crate) fn raise(connections: u64) -> anyhow::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for the answer.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Ok(());
    }
    let (needed, hard) = (connections + RESERVE, limit.rlim_max);
    anyhow::ensure!(
        needed <= hard,
        "--clients: {connections} connections need {needed} file descriptors, this system allows {hard} (ulimit -Hn)"
    );
    if limit.rlim_cur < needed {
        limit.rlim_cur = needed;
        // SAFETY: a valid limit, read a moment ago and raised up to the hard limit.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn raise(_: u64) -> anyhow::Result<()> {
    Ok(())
}
