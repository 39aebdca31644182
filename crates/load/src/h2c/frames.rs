//! What moves the frames of an HTTP/2 connection: a task of its own, and the client at the moment when it sends.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A socket, or TLS over one.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

/// A connection, its socket, and the task that is told when the socket is ready.
pub(crate) struct Frames {
    /// None once it has ended.
    connection: RefCell<Option<Connection<Box<dyn Duplex>, Bytes>>>,
    /// That of the task, so that it stays the one that is told when the socket is ready.
    waker: RefCell<Option<Waker>>,
    /// The same socket once more, to look into the kernel with.
    socket: std::net::TcpStream,
}

impl Frames {
    /// Shakes hands on a new connection, `socket` being the other handle of `stream`. Nothing moves before
    /// [`run`](Self::run) is polled.
    ///
    /// # Errors
    /// The handshake failed.
    pub(crate) async fn handshake(
        stream: Box<dyn Duplex>,
        socket: std::net::TcpStream,
    ) -> Result<(SendRequest<Bytes>, Rc<Self>), h2::Error> {
        let (sender, connection) = h2::client::handshake(stream).await?;
        let connection = RefCell::new(Some(connection));
        Ok((sender, Rc::new(Self { connection, waker: RefCell::default(), socket })))
    }

    /// Whether nothing lies in the kernel that the peer has sent.
    pub(crate) fn is_quiet(&self) -> bool {
        let waiting = SockRef::from(&self.socket).peek(&mut [MaybeUninit::uninit()]);
        waiting.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Moves frames until the connection ends.
    pub(crate) async fn run(self: Rc<Self>) {
        poll_fn(|context| {
            *self.waker.borrow_mut() = Some(context.waker().clone());
            self.turn(context)
        })
        .await;
    }

    /// Moves what can be moved now. A client that has sent calls this at once: were its frame to wait for the task's
    /// turn, it could go out behind the answer to a GOAWAY, which would be the client's fault and not the service's.
    pub(crate) fn push(&self) {
        let waker = self.waker.borrow().clone();
        if let Some(waker) = waker
            && self.turn(&mut Context::from_waker(&waker)).is_ready()
        {
            waker.wake();
        }
    }

    fn turn(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut slot = self.connection.borrow_mut();
        let Some(connection) = slot.as_mut() else { return Poll::Ready(()) };
        // How the connection ended is told by each of its streams.
        ready!(Pin::new(connection).poll(context)).unwrap_or_default();
        *slot = None;
        // The look keeps the socket open: the peer has to hear that this side is done.
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        Poll::Ready(())
    }

    pub(crate) fn have_ended(&self) -> bool {
        self.connection.borrow().is_none()
    }
}

/// A stream for the frames, and the same socket for looks.
///
/// # Errors
/// No file descriptor is left.
pub(crate) fn split_socket(stream: TcpStream) -> io::Result<(TcpStream, std::net::TcpStream)> {
    let socket = stream.into_std()?;
    Ok((TcpStream::from_std(socket.try_clone()?)?, socket))
}
