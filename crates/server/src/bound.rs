//! A reserved address: bound, not listening. A TCP check sees nothing before the server is ready.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;

/// Connections that the kernel completes for us before we accept them. A notice by `Connection: close` makes clients
/// come back in bursts, and the customary 128 overflow.
const BACKLOG: i32 = 4096;

/// An address that belongs to this process and refuses connections until it is served.
#[derive(Debug)]
pub struct Bound {
    socket: Socket,
    address: SocketAddr,
}

impl Bound {
    /// Reserves `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// [`BindError`], which names the address.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        Self::try_bind(address).map_err(|source| BindError { address, source })
    }

    fn try_bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // Connections of a predecessor in TIME_WAIT must not keep the port. Windows means something else by this option.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let address = socket.local_addr()?.as_socket().unwrap_or(address);
        Ok(Self { socket, address })
    }

    /// The real address, also when port 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Begins to listen.
    pub(crate) fn listen(self) -> io::Result<tokio::net::TcpListener> {
        self.socket.listen(BACKLOG)?;
        tokio::net::TcpListener::from_std(self.socket.into())
    }
}

/// The address cannot be had.
#[derive(Debug)]
pub struct BindError {
    /// Which.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

impl std::fmt::Display for BindError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "an open set: only some kinds have an advice")]
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot bind {}", self.address)?;
        match self.source.kind() {
            io::ErrorKind::AddrInUse => write!(f, ": another process listens there; stop it or choose another port"),
            io::ErrorKind::PermissionDenied => write!(f, ": ports below 1024 need a privilege; choose another port"),
            io::ErrorKind::AddrNotAvailable => write!(f, ": this machine has no such address"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
