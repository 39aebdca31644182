//! The bytes of an HTTP/1.1 connection, plain or over TLS: what can be done at once is done, and whoever wants more
//! waits for the socket.

use std::io::{self, Read as _, Write as _};
use std::mem::MaybeUninit;

use rustls::ClientConnection;
use socket2::SockRef;
use tokio::net::TcpStream;

/// A connection to a replica.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

/// What a client finds on a connection on which it is owed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idle {
    Quiet,
    /// The peer has closed or reset it: the next request takes a new one, and nothing is lost.
    Closed,
    /// Bytes nobody asked for.
    Bytes,
}

impl Stream {
    /// Waits until there may be something to read.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.readable().await,
            Self::Tls(stream) if stream.decrypted > 0 => Ok(()),
            Self::Tls(stream) => stream.socket.readable().await,
        }
    }

    /// Waits until the socket may take bytes.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.socket().writable().await
    }

    /// Reads what has come; 0 = the end.
    pub(crate) fn try_read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.try_read(bytes),
            Self::Tls(stream) => stream.try_read(bytes),
        }
    }

    /// Writes what is taken at once. What it has taken may be held back: see [`try_flush`](Self::try_flush).
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.try_write(bytes),
            Self::Tls(stream) => stream.try_write(bytes),
        }
    }

    /// Hands what is held back to the kernel.
    pub(crate) fn try_flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(stream) => stream.try_flush(),
        }
    }

    /// What lies on an idle connection, in the kernel too. What TLS has to say by itself (tickets) is nothing.
    pub(crate) fn look(&mut self) -> Idle {
        match self {
            Self::Plain(stream) => match SockRef::from(&*stream).peek(&mut [MaybeUninit::uninit()]) {
                Ok(0) => Idle::Closed,
                Ok(_) => Idle::Bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Idle::Quiet,
                Err(_) => Idle::Closed,
            },
            Self::Tls(stream) => stream.look(),
        }
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &stream.socket,
        }
    }
}

/// A session of TLS over a socket.
pub(crate) struct TlsStream {
    socket: TcpStream,
    session: ClientConnection,
    /// Bytes that have been decrypted and not read.
    decrypted: usize,
}

impl TlsStream {
    /// Shakes hands.
    ///
    /// # Errors
    /// As the socket says; `InvalidData` if it is TLS that says no.
    pub(crate) async fn connect(socket: TcpStream, session: ClientConnection) -> io::Result<Self> {
        let mut stream = Self { socket, session, decrypted: 0 };
        loop {
            match stream.try_flush() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.socket.writable().await?,
                flushed => {
                    flushed?;
                    if !stream.session.is_handshaking() {
                        return Ok(stream);
                    }
                    stream.socket.readable().await?;
                    match stream.receive() {
                        Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                        Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                        Ok(_) | Err(_) => {}
                    }
                }
            }
        }
    }

    /// From the kernel into the session; 0 = the end of the socket.
    fn receive(&mut self) -> io::Result<usize> {
        let read = self.session.read_tls(&mut Socket(&self.socket))?;
        let state = self.session.process_new_packets();
        let state = state.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.decrypted = state.plaintext_bytes_to_read();
        Ok(read)
    }

    fn try_read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(bytes) {
                Ok(read) => {
                    self.decrypted = self.decrypted.saturating_sub(read);
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // An end without close_notify. HTTP says by itself where an answer ends.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) => return Err(error),
            }
            self.receive()?;
        }
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.try_flush()?;
        let written = self.session.writer().write(bytes)?;
        match self.try_flush() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            Ok(()) | Err(_) => Ok(written),
        }
    }

    fn try_flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut Socket(&self.socket))?;
        }
        Ok(())
    }

    pub(crate) fn look(&mut self) -> Idle {
        loop {
            match self.receive() {
                _ if self.decrypted > 0 => return Idle::Bytes,
                Ok(0) => return Idle::Closed,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return Idle::Closed,
            }
        }
        // close_notify comes before the end of the socket. (Nothing is read here: nothing has been decrypted.)
        match self.session.reader().read(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Idle::Quiet,
            Ok(_) | Err(_) => Idle::Closed,
        }
    }
}

/// The socket as rustls wants it.
struct Socket<'a>(&'a TcpStream);

impl io::Read for Socket<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(bytes)
    }
}

impl io::Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
