//! What the system knows about a process: CPU time, memory, cores; and the few things we ask of it.

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

/// The CPU time that a process has used so far, all its threads together.
pub(crate) fn cpu_time(pid: u32) -> io::Result<Duration> {
    let mut clock = 0;
    // SAFETY: the call writes one clock id through the pointer, which outlives it.
    let error = unsafe { libc::clock_getcpuclockid(pid.cast_signed(), &raw mut clock) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one timespec through the pointer, which outlives it.
    check(unsafe { libc::clock_gettime(clock, &raw mut time) })?;
    Ok(Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0)))
}

/// Memory of a process that is resident now, in KiB.
pub(crate) fn resident_kib(pid: u32) -> io::Result<u64> {
    status_kib(&pid.to_string(), "VmRSS:")
}

/// The most memory that this process ever had resident, in KiB.
pub(crate) fn own_peak_kib() -> io::Result<u64> {
    status_kib("self", "VmHWM:")
}

fn status_kib(pid: &str, field: &str) -> io::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path)?;
    let value =
        status.lines().find_map(|line| line.strip_prefix(field)).and_then(|rest| rest.split_whitespace().next());
    value
        .and_then(|kib| kib.parse().ok())
        .ok_or_else(|| io::Error::other(format!("{path} has no number behind {field}")))
}

/// Sends SIGTERM.
pub(crate) fn terminate(pid: u32) -> io::Result<()> {
    // SAFETY: no memory is involved; the pid is a child's that has not been waited for.
    check(unsafe { libc::kill(pid.cast_signed(), libc::SIGTERM) })
}

/// Raises the soft limit of open files to the hard one: ten thousand connections need it, on both ends.
pub(crate) fn raise_open_files() -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call writes one rlimit through the pointer, which outlives it.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the call reads one rlimit through the pointer, which outlives it.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })
}

/// One core for the server, another for the client. On a single core, or where the system refuses, they share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    apart: Option<(usize, usize)>,
}

impl Cores {
    /// Takes the first two cores that this process may use, and moves this thread to the client's.
    pub(crate) fn split() -> Self {
        let mut allowed = allowed_cores().into_iter();
        let apart = allowed.next().zip(allowed.next()).filter(|(_, client)| pin(*client).is_ok());
        Cores { apart }
    }

    /// Whether server and client have a core each.
    pub(crate) fn are_apart(self) -> bool {
        self.apart.is_some()
    }

    /// Runs `spawn` on the server's core: the process that it starts inherits that, and sees one core.
    pub(crate) fn on_servers<T>(self, spawn: impl FnOnce() -> T) -> io::Result<T> {
        let Some((server, client)) = self.apart else { return Ok(spawn()) };
        pin(server)?;
        let spawned = spawn();
        pin(client)?;
        Ok(spawned)
    }
}

fn allowed_cores() -> Vec<usize> {
    let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: the call writes at most the given size through the pointer, which outlives it; all zeroes is an empty
    // set.
    let (result, set) =
        unsafe { (libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), set.as_mut_ptr()), set.assume_init()) };
    if result != 0 {
        return Vec::new();
    }
    // SAFETY: CPU_ISSET reads one bit inside the set, which has CPU_SETSIZE of them.
    (0..libc::CPU_SETSIZE as usize).filter(|core| unsafe { libc::CPU_ISSET(*core, &set) }).collect()
}

/// Keeps the calling thread on one core.
fn pin(core: usize) -> io::Result<()> {
    // SAFETY: all zeroes is an empty set; CPU_SET writes one bit inside it; the call reads the set, which outlives it.
    check(unsafe {
        let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed().assume_init();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_its_own_time_and_memory() {
        let own = std::process::id();
        let before = cpu_time(own).unwrap();
        let resident = resident_kib(own).unwrap();
        assert!(resident > 0 && resident <= own_peak_kib().unwrap());
        while cpu_time(own).unwrap() == before {
            std::hint::spin_loop();
        }
    }
}
