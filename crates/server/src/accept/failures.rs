//! Failed accepts: what kind they are, and how long to wait before the next.

use crate::shared::Shared;
use lameduck_support::Backoff;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::time::Instant;

/// Bounds of the wait after a lack of resources.
const BACK_OFF_MIN: Duration = Duration::from_millis(5);
const BACK_OFF_MAX: Duration = Duration::from_secs(1);

/// At most one log line in this time.
const LOG_EVERY: Duration = Duration::from_secs(1);

/// Failed accepts in a row.
#[derive(Debug)]
pub(super) struct AcceptFailures {
    backoff: Backoff,
    logged: Option<Instant>,
}

impl AcceptFailures {
    pub(super) fn none() -> Self {
        Self { backoff: Backoff::new(BACK_OFF_MIN, BACK_OFF_MAX), logged: None }
    }

    pub(super) fn over(&mut self) {
        self.backoff.reset();
    }

    /// Counts `error`, logs it now and then, and returns how long to wait.
    pub(super) fn with(&mut self, error: &io::Error, shared: &Shared) -> Duration {
        let class = Class::of(error);
        shared.accept_errors[class as usize].fetch_add(1, Relaxed);
        if class == Class::Peer {
            return Duration::ZERO;
        }
        if self.logged.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
            self.logged = Some(Instant::now());
            let connections = shared.table.len();
            tracing::warn!(error = %error, connections, "cannot accept connections; clients wait in the accept queue");
        }
        self.backoff.pause()
    }
}

/// Failed accepts, by what to do about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// This connection died in the queue: on to the next.
    Peer,
    /// Something is used up: wait until some of it is given back.
    Resource,
    /// Unknown: wait as well, so that it cannot become a busy loop.
    Other,
}

impl Class {
    #[expect(clippy::wildcard_enum_match_arm, reason = "an open set: what is not known is `Other`")]
    pub(super) fn of(error: &io::Error) -> Self {
        use io::ErrorKind::{
            ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkDown,
            NetworkUnreachable, OutOfMemory,
        };
        #[cfg(unix)]
        match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => return Self::Resource,
            // What Linux passes on from the network for the connection that was to be accepted.
            Some(libc::EPROTO | libc::ENOPROTOOPT | libc::EHOSTDOWN | libc::EOPNOTSUPP | libc::EPERM) => {
                return Self::Peer;
            }
            _ => {}
        }
        #[cfg(windows)]
        if let Some(10024 | 10055) = error.raw_os_error() {
            return Self::Resource; // WSAEMFILE, WSAENOBUFS
        }
        match error.kind() {
            ConnectionAborted | ConnectionRefused | ConnectionReset | HostUnreachable | Interrupted | NetworkDown
            | NetworkUnreachable => Self::Peer,
            OutOfMemory => Self::Resource,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;

    #[test]
    fn errors_fall_into_classes() {
        let of = |kind: io::ErrorKind| Class::of(&kind.into());
        assert_eq!(of(io::ErrorKind::ConnectionAborted), Class::Peer);
        assert_eq!(of(io::ErrorKind::InvalidInput), Class::Other);
        #[cfg(unix)]
        assert_eq!(Class::of(&io::Error::from_raw_os_error(libc::EMFILE)), Class::Resource);
    }

    #[test]
    fn the_wait_grows_is_bounded_and_starts_again() {
        let shared = Shared::new(Options::default());
        let mut failures = AcceptFailures::none();
        let error = io::Error::other("strange");
        let waits: Vec<Duration> = (0..20).map(|_| failures.with(&error, &shared)).collect();
        assert!(waits.is_sorted());
        assert_eq!((waits[0], waits[19]), (BACK_OFF_MIN, BACK_OFF_MAX));
        failures.over();
        assert_eq!(failures.with(&error, &shared), BACK_OFF_MIN);
        assert_eq!(failures.with(&io::ErrorKind::ConnectionReset.into(), &shared), Duration::ZERO);
        let counted = shared.accept_errors();
        assert_eq!((counted.peer, counted.resource, counted.other), (1, 0, 21));
    }
}
