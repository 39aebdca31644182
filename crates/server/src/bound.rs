//! A reserved address: bound, not listening. A TCP check sees nothing before the server is ready.

use crate::transport::Wrap;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// Connections that the kernel completes for us before we accept them. A notice by `Connection: close` makes clients
/// come back in bursts, and the customary 128 overflow.
const BACKLOG: i32 = 4096;

/// An address that belongs to this process and refuses connections until it is served.
#[derive(Debug)]
pub struct Bound {
    socket: Socket,
    address: SocketAddr,
    pub(crate) wrap: Wrap,
}

impl Bound {
    /// Reserves `address`; port 0 takes a free one.
    ///
    /// `[::]` is both families: IPv6, and IPv4 clients too. Where IPv6 is off it is `0.0.0.0`.
    ///
    /// # Errors
    /// [`BindError`], which names the address.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        Self::try_bind(address).map_err(|source| BindError { address, source })
    }

    fn try_bind(address: SocketAddr) -> io::Result<Self> {
        match Self::bind_one(address) {
            Err(error) if address.ip() == Ipv6Addr::UNSPECIFIED && has_no_ipv6(&error) => {
                Self::bind_one((Ipv4Addr::UNSPECIFIED, address.port()).into())
            }
            bound => bound,
        }
    }

    fn bind_one(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.ip() == Ipv6Addr::UNSPECIFIED {
            // Both families, whatever the system's default is (net.ipv6.bindv6only).
            socket.set_only_v6(false)?;
        }
        // Connections of a predecessor in TIME_WAIT must not keep the port. Windows means something else by this
        // option.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let address = socket.local_addr()?.as_socket().unwrap_or(address);
        Ok(Self { socket, address, wrap: Wrap::default() })
    }

    /// Its connections speak TLS.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(mut self, tls: crate::tls::Tls) -> Self {
        self.wrap.tls = Some(tls);
        self
    }

    /// The real address, also when port 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Begins to listen, for whoever accepts by other means than [`Server::serve`](crate::Server::serve). It does not
    /// block.
    ///
    /// # Errors
    /// What `listen` says.
    pub fn listen_std(self) -> io::Result<std::net::TcpListener> {
        self.socket.listen(BACKLOG)?;
        Ok(self.socket.into())
    }

    /// Begins to listen on the current tokio runtime.
    pub(crate) fn listen(self) -> io::Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::from_std(self.listen_std()?)
    }
}

/// Whether the system has IPv6 switched off, or was built without it.
fn has_no_ipv6(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::EAFNOSUPPORT) {
        return true;
    }
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    #[tokio::test]
    async fn the_unspecified_address_serves_both_families() {
        let bound = Bound::bind((Ipv6Addr::UNSPECIFIED, 0).into()).unwrap();
        let address = bound.local_addr();
        let _listener = bound.listen().unwrap();
        TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).unwrap();
        if address.is_ipv6() {
            // A machine may have the family and no loopback address of it.
            match TcpStream::connect((Ipv6Addr::LOCALHOST, address.port())) {
                Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {}
                connected => drop(connected.unwrap()),
            }
        }
    }

    #[test]
    fn only_a_missing_family_leads_to_the_other() {
        #[cfg(unix)]
        assert!(has_no_ipv6(&io::Error::from_raw_os_error(libc::EAFNOSUPPORT)));
        assert!(has_no_ipv6(&io::ErrorKind::AddrNotAvailable.into()));
        assert!(!has_no_ipv6(&io::ErrorKind::AddrInUse.into()));
        assert!(!has_no_ipv6(&io::ErrorKind::PermissionDenied.into()));
    }
}
