//! File descriptors: the limit of the process, and some kept back for when it is reached.

use socket2::{Domain, Socket, Type};
use std::io;

/// Descriptors that are not for connections: admin port, runtime, log, the handlers' own files and sockets. At most
/// half of all.
const OTHERS_MAX: u64 = 128;

/// What the system grants this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescriptorLimit {
    /// Before.
    pub was: u64,
    /// Now.
    pub is: u64,
}

/// Raises the limit of open file descriptors as far as the system allows without a privilege: the soft limit to the
/// hard one.
///
/// The customary soft limit of 1024 is there for programs that use `select`; this one does not. To be called once, at
/// the start of the process, before children inherit the limit. `None`: the system has no such limit.
///
/// # Errors
/// What the system says; the limit is unchanged then.
pub fn raise_descriptor_limit() -> io::Result<Option<DescriptorLimit>> {
    platform::raise()
}

/// How many connections the limit of descriptors leaves for the work port. `None`: the system has no such limit.
pub fn connections_max() -> Option<usize> {
    platform::limit().map(|limit| usize::try_from(room(limit)).unwrap_or(usize::MAX))
}

/// Of `limit` descriptors, those that may become connections.
fn room(limit: u64) -> u64 {
    (limit - (limit / 2).min(OTHERS_MAX)).max(1)
}

/// Descriptors kept back. Giving one back makes the next `accept` succeed, when the process has used up its own.
#[derive(Debug, Default)]
pub struct Reserve(Vec<Socket>);

impl Reserve {
    /// Keeps `count` back; fewer, if that many cannot be had.
    pub fn new(count: usize) -> Self {
        let mut reserve = Self::default();
        reserve.fill(count);
        reserve
    }

    /// Gives one back to the process; false if none is left.
    pub fn give_back_one(&mut self) -> bool {
        self.0.pop().is_some()
    }

    /// Takes descriptors until `count` are kept, or no more can be had.
    pub fn fill(&mut self, count: usize) {
        while self.0.len() < count {
            // An unbound socket: the cheapest thing that exists on every system and needs no file.
            let Ok(socket) = Socket::new(Domain::IPV4, Type::DGRAM, None) else { return };
            self.0.push(socket);
        }
    }
}

#[cfg(unix)]
mod platform {
    use super::DescriptorLimit;
    use std::io;

    fn get() -> io::Result<libc::rlimit> {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the pointer is to a value of the right type that lives until the call has returned.
        match unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } {
            0 => Ok(limit),
            _ => Err(io::Error::last_os_error()),
        }
    }

    pub(super) fn limit() -> Option<u64> {
        get().ok().map(|limit| limit.rlim_cur)
    }

    pub(super) fn raise() -> io::Result<Option<DescriptorLimit>> {
        let mut limit = get()?;
        let was = limit.rlim_cur;
        // macOS says "infinite" and takes no more than this.
        let wanted = if cfg!(target_vendor = "apple") { limit.rlim_max.min(10_240) } else { limit.rlim_max };
        if was >= wanted {
            return Ok(Some(DescriptorLimit { was, is: was }));
        }
        limit.rlim_cur = wanted;
        // SAFETY: the pointer is to a value of the right type that lives until the call has returned.
        match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } {
            0 => Ok(Some(DescriptorLimit { was, is: wanted })),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

#[cfg(not(unix))]
mod platform {
    use super::DescriptorLimit;
    use std::io;

    pub(super) fn limit() -> Option<u64> {
        None
    }

    pub(super) fn raise() -> io::Result<Option<DescriptorLimit>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_something_for_everything_else() {
        assert_eq!(room(1024), 896);
        assert_eq!(room(64), 32);
        assert_eq!(room(u64::MAX), u64::MAX - 128);
        assert_eq!(room(0), 1);
    }

    #[test]
    fn a_reserve_gives_back_what_it_has() {
        let mut reserve = Reserve::new(2);
        assert!(reserve.give_back_one() && reserve.give_back_one() && !reserve.give_back_one());
        reserve.fill(1);
        assert!(reserve.give_back_one());
    }
}
