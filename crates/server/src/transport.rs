//! The bytes under a connection. Everything above, from the first look at the protocol to the linger, asks here and
//! never the socket itself.

#[cfg(feature = "tls")]
mod records;
#[cfg(feature = "tls")]
mod tls;

#[cfg(feature = "tls")]
pub(crate) use tls::TlsStream;

use crate::kernel;
use crate::protocols::Protocols;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

/// How the kernel asks a silent peer: a closed socket answers by a reset once its own system has forgotten it (a minute
/// on Linux).
const PROBES: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(15)).with_interval(Duration::from_secs(15)).with_retries(3);

/// A stream of bytes to and from the peer.
#[derive(Debug)]
pub(crate) enum Transport {
    /// A TCP socket.
    Plain(TcpStream),
    /// TLS over one. Boxed: a plain connection must not pay for its size.
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
}

impl Transport {
    /// Reads what has come; nothing = the peer has closed its side.
    #[inline]
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.poll_read(cx, buf),
        }
    }

    /// Writes as much as it takes.
    #[inline]
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.poll_write(cx, bytes),
        }
    }

    /// Writes as much of all `slices` as it takes.
    #[inline]
    pub(crate) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.poll_write_vectored(cx, slices),
        }
    }

    /// Hands everything that was taken to the kernel.
    #[inline]
    #[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "plain writes go to the kernel at once"))]
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.poll_flush(cx),
        }
    }

    /// Ends our side in order, and leaves the peer's open. Asked again while it is pending: a peer that does not read
    /// may keep it so.
    pub(crate) fn poll_close_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.poll_close_write(cx),
        }
    }

    /// Bytes that the peer has sent and that have not been read from here, wherever they are. Where they are not
    /// counted, any number above 0 stands for "some".
    pub(crate) fn unread(&self) -> usize {
        let held = match self {
            Self::Plain(_) => 0,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.unread(),
        };
        held + kernel::unread_bytes(self.socket()).unwrap_or(0)
    }

    /// Bytes that were written and that the peer has not acknowledged, wherever they are; 0 where that is not known.
    pub(crate) fn unsent(&self) -> usize {
        usize::from(self.holds_back()) + kernel::unsent_bytes(self.socket()).unwrap_or(0)
    }

    /// Whether it has taken bytes that the kernel does not have yet.
    #[inline]
    pub(crate) fn holds_back(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.holds_back(),
        }
    }

    /// Whether what has come ends inside something that cannot be read before its end has come.
    #[inline]
    pub(crate) fn holds_part(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.inside_record(),
        }
    }

    /// How far the peer has taken what was written: equal numbers at two moments mean that it took nothing in between.
    pub(crate) fn progress(&self) -> (usize, u64) {
        match self {
            Self::Plain(_) => (self.unsent(), 0),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => (self.unsent(), stream.written()),
        }
    }

    /// Whether it is TLS.
    #[inline]
    pub(crate) fn is_tls(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(_) => true,
        }
    }

    /// The least round-trip time that this connection has seen.
    pub(crate) fn least_round_trip(&self) -> Option<Duration> {
        kernel::least_round_trip(self.socket())
    }

    /// Whether there is a peer. (A socket that was reset keeps its count of unsent bytes, but has no peer any more.)
    pub(crate) fn has_peer(&self) -> bool {
        self.socket().peer_addr().is_ok()
    }

    /// Ready once something has come from the peer, if only its end. Wakes no more than once.
    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket().poll_read_ready(cx).map(|_| ())
    }

    /// Whether the peer has agreed on another protocol (ALPN) than it speaks.
    #[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "plain connections agree on nothing"))]
    pub(crate) fn contradicts(&self, http2: bool) -> bool {
        match self {
            Self::Plain(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.session().alpn_protocol().is_some_and(|agreed| (agreed == b"h2") != http2),
        }
    }

    /// From now on the kernel asks the peer now and then, so that one that is gone is found by its reset.
    pub(crate) fn probe_peer(&self) {
        // An error means that the socket is dead already.
        SockRef::from(self.socket()).set_tcp_keepalive(&PROBES).ok();
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.socket(),
        }
    }
}

/// What the sockets of a listener are wrapped in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wrap {
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<crate::tls::Tls>,
}

impl Wrap {
    /// Whether it is TLS.
    pub(crate) fn is_tls(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }

    /// The transport over an accepted socket of a listener that speaks `protocols`.
    ///
    /// # Errors
    /// What the library of TLS says about its own configuration.
    #[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "plain connections agree on nothing"))]
    pub(crate) fn wrap(&self, stream: TcpStream, protocols: Protocols) -> io::Result<Transport> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return Ok(Transport::Tls(Box::new(TlsStream::new(stream, tls.current(protocols))?)));
        }
        Ok(Transport::Plain(stream))
    }
}
