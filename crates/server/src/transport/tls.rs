//! TLS over a TCP socket, by rustls. The socket and the session are asked directly: a close that loses nothing must
//! know what either of them holds.

use super::records::Records;
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, BufRead as _, Write as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

/// A TLS session and its socket.
#[derive(Debug)]
pub(crate) struct TlsStream {
    socket: TcpStream,
    session: ServerConnection,
    records: Records,
    /// Decrypted, not read from here.
    decrypted: usize,
    /// Handed to the kernel, ever.
    written: u64,
    /// `close_notify` is among what is to be sent.
    closing: bool,
}

impl TlsStream {
    /// A session in which nothing has been exchanged.
    ///
    /// # Errors
    /// What rustls says about `config`.
    pub(super) fn new(socket: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Self { socket, session, records: Records::default(), decrypted: 0, written: 0, closing: false })
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    pub(crate) fn session(&self) -> &ServerConnection {
        &self.session
    }

    /// Whether any byte of the peer has been read.
    pub(crate) fn any(&self) -> bool {
        self.records.any()
    }

    /// Whether a record has begun and not ended: the peer has begun to speak.
    pub(super) fn inside_record(&self) -> bool {
        self.records.inside()
    }

    /// Bytes of the peer that have been taken from the socket and not from here.
    pub(super) fn unread(&self) -> usize {
        self.decrypted + usize::from(self.inside_record())
    }

    /// Whether the session holds bytes for the socket.
    #[inline]
    pub(super) fn holds_back(&self) -> bool {
        self.session.wants_write()
    }

    /// Bytes handed to the kernel, ever.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Shakes hands, to the last byte of our side.
    pub(crate) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while self.session.wants_write() {
                ready!(self.poll_send(cx))?;
            }
            if !self.session.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_receive(cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    #[inline]
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.session.reader().fill_buf() {
                Ok(bytes) => {
                    let length = bytes.len().min(buf.remaining());
                    buf.put_slice(&bytes[..length]);
                    self.session.reader().consume(length);
                    self.decrypted = self.decrypted.saturating_sub(length);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The peer has closed its side without a `close_notify`. HTTP says by itself where a message ends.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Poll::Ready(Ok(())),
                Err(error) => return Poll::Ready(Err(error)),
            }
            ready!(self.poll_receive(cx))?;
        }
    }

    #[inline]
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll_write_with(cx, |writer| writer.write(bytes))
    }

    pub(super) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if slices.iter().all(|slice| slice.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        self.poll_write_with(cx, |writer| writer.write_vectored(slices))
    }

    /// The session takes what its buffer has room for; none means that the peer has to take some first.
    #[inline]
    fn poll_write_with(
        &mut self,
        cx: &mut Context<'_>,
        write: impl Fn(&mut rustls::Writer<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let taken = write(&mut self.session.writer())?;
            let flushed = self.poll_flush(cx)?;
            if taken > 0 {
                return Poll::Ready(Ok(taken));
            }
            ready!(flushed);
        }
    }

    #[inline]
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            ready!(self.poll_send(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// `close_notify`, then FIN: a client knows that nothing was cut off.
    pub(super) fn poll_close_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closing {
            self.closing = true;
            self.session.send_close_notify();
        }
        ready!(self.poll_flush(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    /// From the socket into the session: bytes taken; 0 = the end.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut from = Socket { socket: &mut self.socket, cx };
        let mut reader = Following { from: &mut from, records: &mut self.records };
        let read = match self.session.read_tls(&mut reader) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let processed = self.session.process_new_packets();
        if self.session.wants_write() {
            // An alert, or what TLS has to say by itself. The error that made it counts, not that it cannot be sent.
            let sent = self.poll_flush(cx);
            if processed.is_ok()
                && let Poll::Ready(Err(error)) = sent
            {
                return Poll::Ready(Err(error));
            }
        }
        let state = processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.decrypted = state.plaintext_bytes_to_read();
        Poll::Ready(Ok(read))
    }

    /// From the session to the socket.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.session.write_tls(&mut Socket { socket: &mut self.socket, cx }) {
            Ok(0) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Ok(written) => {
                self.written += written as u64;
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

/// The socket as rustls wants it: what is pending is `WouldBlock`.
struct Socket<'a, 'cx> {
    socket: &'a mut TcpStream,
    cx: &'a mut Context<'cx>,
}

fn blocking<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl io::Read for Socket<'_, '_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(bytes);
        blocking(Pin::new(&mut *self.socket).poll_read(self.cx, &mut buf))?;
        Ok(buf.filled().len())
    }
}

impl io::Write for Socket<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        blocking(Pin::new(&mut *self.socket).poll_write(self.cx, bytes))
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        blocking(Pin::new(&mut *self.socket).poll_write_vectored(self.cx, slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads, and lets the records know.
struct Following<'a, 'b, 'cx> {
    from: &'a mut Socket<'b, 'cx>,
    records: &'a mut Records,
}

impl io::Read for Following<'_, '_, '_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(bytes)?;
        self.records.follow(&bytes[..read]);
        Ok(read)
    }
}
