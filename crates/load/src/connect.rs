//! How a client gets a connection.

use std::io;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};

use crate::endpoints::Endpoint;
use crate::verdict::Verdict;

/// A TCP connection without delay of small writes.
pub(crate) async fn connect(endpoint: Endpoint, timeout: Duration) -> Result<TcpStream, Verdict> {
    let socket = if endpoint.address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = socket.map_err(|_| Verdict::ClientFault)?;
    let _ = socket.set_nodelay(true);
    match tokio::time::timeout(timeout, socket.connect(endpoint.address)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(failed(&error)),
        Err(_) => Err(Verdict::ConnectTimedOut),
    }
}

/// What a handshake of TLS that failed means for the request that was to follow.
pub(crate) fn handshake_failed(error: &io::Error) -> Verdict {
    if error.kind() == io::ErrorKind::InvalidData {
        Verdict::HandshakeFailed
    } else if error.kind() == io::ErrorKind::UnexpectedEof {
        Verdict::Closed
    } else {
        Verdict::Reset
    }
}

fn failed(error: &io::Error) -> Verdict {
    match error.raw_os_error() {
        Some(libc::EADDRNOTAVAIL | libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM | libc::EACCES) => {
            Verdict::ClientFault
        }
        Some(libc::ETIMEDOUT) => Verdict::ConnectTimedOut,
        Some(libc::ECONNRESET | libc::EPIPE) => Verdict::Reset,
        _ => Verdict::Refused,
    }
}
