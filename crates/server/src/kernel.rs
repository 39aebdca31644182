//! What only the kernel knows about a socket: bytes nobody has read, bytes nobody has acknowledged, round-trip time,
//! and connections nobody has accepted.
//!
//! Every answer is an `Option` or an empty queue where the platform cannot tell; the drain then does without. All calls
//! return at once.

#[cfg(any(target_os = "macos", target_os = "ios"))]
mod apple;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "ios")))]
mod other;

#[cfg(any(target_os = "macos", target_os = "ios"))]
use apple as platform;
#[cfg(any(target_os = "linux", target_os = "android"))]
use linux as platform;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "ios")))]
use other as platform;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};

/// Bytes that the peer has sent and nobody has read, whether or not the runtime has noticed them yet.
///
/// Where the kernel does not count them, any non-zero number stands for "some". `None`: the socket does not answer.
pub(crate) fn unread_bytes(stream: &TcpStream) -> Option<usize> {
    platform::unread_bytes(stream)
}

/// Bytes that were written and that the peer has not acknowledged; a FIN of ours that is on its way counts as one.
///
/// 0 means that the peer's kernel has everything. `None`: the platform does not tell.
pub(crate) fn unsent_bytes(stream: &TcpStream) -> Option<usize> {
    platform::unsent_bytes(stream)
}

/// The least round-trip time that this connection has seen. `None`: not known, or no sample yet.
pub(crate) fn least_round_trip(stream: &TcpStream) -> Option<Duration> {
    platform::least_round_trip(stream)
}

/// Takes one connection out of the accept queue; `None` when the queue is empty *now*.
///
/// It asks the kernel each time. The listener's own `poll_accept` would believe the runtime's last readiness instead,
/// and report an empty queue while established connections wait in it.
///
/// # Errors
/// What `accept` says: of one connection that died in the queue (go on), or a lack of resources.
pub(crate) fn accept_queued(listener: &TcpListener) -> io::Result<Option<(TcpStream, SocketAddr)>> {
    let (socket, peer) = match SockRef::from(listener).accept() {
        Ok(accepted) => accepted,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
        Err(error) => return Err(error),
    };
    socket.set_nonblocking(true)?;
    let stream = TcpStream::from_std(socket.into())?;
    let peer = peer.as_socket().ok_or_else(|| io::Error::other("a TCP peer without an internet address"))?;
    Ok(Some((stream, peer)))
}

#[cfg(test)]
mod tests;
