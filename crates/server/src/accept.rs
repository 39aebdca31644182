//! One listener: accept as long as there is room, and when the drain comes, empty the queue before closing.

use crate::admission::{DRAINING, FORCED, LEAVING};
use crate::app::RouteTable;
use crate::connection;
use crate::kernel;
use crate::shared::Shared;
use axum::Router;
use lameduck_support::Backoff;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// The waits after a lack of resources: the first, and the most.
const BACK_OFF_MIN: Duration = Duration::from_millis(5);
const BACK_OFF_MAX: Duration = Duration::from_secs(1);

/// A complaint a second at most.
const COMPLAIN_EVERY: Duration = Duration::from_secs(1);

/// Connections that a flush takes: the backlog, and as many again that come meanwhile. Nobody may hold the drain by connecting.
const FLUSH_MAX: usize = 8192;

/// What is served at one address.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) shared: Arc<Shared>,
    pub(crate) routes: Arc<RouteTable>,
    pub(crate) router: Router,
}

impl Listener {
    /// Accepts until the drain, then closes `listener`.
    pub(crate) async fn run(self, listener: TcpListener) {
        let mut trouble = Trouble::none();
        let mut phase = self.shared.phase.subscribe();
        while self.state() & (DRAINING | FORCED) == 0 {
            tokio::select! {
                biased;
                _ = phase.changed() => {}
                accepted = self.accept(&listener) => match accepted {
                    Ok((stream, peer)) => {
                        trouble.over();
                        self.serve(stream, peer);
                    }
                    Err(error) => {
                        let wait = trouble.with(&error, &self.shared);
                        tokio::select! {
                            _ = phase.changed() => {}
                            () = tokio::time::sleep(wait) => {}
                        }
                    }
                },
            }
        }
        if self.state() & FORCED == 0 && self.shared.options.closings.flush {
            self.flush(&listener);
        }
        drop(listener);
        self.shared.listeners.fetch_sub(1, SeqCst);
        self.shared.look_whether_drained();
    }

    fn state(&self) -> u32 {
        self.shared.admission.after_registering()
    }

    /// The next connection, once there is room for it.
    async fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        let shared = &self.shared;
        while shared.table.len() >= shared.options.limits.connections {
            let mut left = std::pin::pin!(shared.left.notified());
            left.as_mut().enable();
            if shared.table.len() >= shared.options.limits.connections {
                left.await;
            }
        }
        listener.accept().await
    }

    /// Serves what waits in the queue: for these clients the connection is established, and closing now would reset it.
    fn flush(&self, listener: &TcpListener) {
        for _ in 0..FLUSH_MAX {
            match kernel::accept_queued(listener) {
                Ok(Some((stream, peer))) => self.serve(stream, peer),
                Ok(None) => return,
                Err(error) if Class::of(&error) == Class::Peer => {}
                Err(error) => {
                    tracing::warn!(error = %error, "the accept queue could not be emptied: clients in it are reset");
                    return;
                }
            }
        }
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        // Fails only on a socket that is dead already, which the connection finds out for itself.
        stream.set_nodelay(true).ok();
        self.shared.arrivals.record(self.state() & LEAVING != 0);
        connection::spawn(&self.shared, &self.routes, &self.router, stream, peer);
    }
}

/// Failed accepts in a row.
#[derive(Debug)]
struct Trouble {
    backoff: Backoff,
    complained: Option<Instant>,
}

impl Trouble {
    fn none() -> Self {
        Self { backoff: Backoff::new(BACK_OFF_MIN, BACK_OFF_MAX), complained: None }
    }

    fn over(&mut self) {
        self.backoff.reset();
    }

    /// Counts `error`, complains now and then, and says how long to wait.
    fn with(&mut self, error: &io::Error, shared: &Shared) -> Duration {
        let class = Class::of(error);
        shared.accept_errors[class as usize].fetch_add(1, Relaxed);
        if class == Class::Peer {
            return Duration::ZERO;
        }
        if self.complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
            self.complained = Some(Instant::now());
            let connections = shared.table.len();
            tracing::warn!(error = %error, connections, "cannot accept connections; clients wait in the accept queue");
        }
        self.backoff.pause()
    }
}

/// Failed accepts, by what to do about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// This connection died in the queue: on to the next.
    Peer,
    /// Something is used up: wait until some of it is given back.
    Resource,
    /// Unknown: wait as well, so that it cannot become a busy loop.
    Other,
}

impl Class {
    #[expect(clippy::wildcard_enum_match_arm, reason = "an open set: what is not known is `Other`")]
    fn of(error: &io::Error) -> Self {
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
    fn the_wait_grows_is_bounded_and_starts_anew() {
        let shared = Shared::new(Options::default());
        let mut trouble = Trouble::none();
        let error = io::Error::other("strange");
        let waits: Vec<Duration> = (0..20).map(|_| trouble.with(&error, &shared)).collect();
        assert!(waits.is_sorted());
        assert_eq!((waits[0], waits[19]), (BACK_OFF_MIN, BACK_OFF_MAX));
        trouble.over();
        assert_eq!(trouble.with(&error, &shared), BACK_OFF_MIN);
        assert_eq!(trouble.with(&io::ErrorKind::ConnectionReset.into(), &shared), Duration::ZERO);
        let counted = shared.accept_errors();
        assert_eq!((counted.peer, counted.resource, counted.other), (1, 0, 21));
    }
}
