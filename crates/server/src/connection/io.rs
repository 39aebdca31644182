//! The socket as hyper sees it: replays what the sniff read, counts bytes, looks before an idle close, joins small writes into one
//! `send`, and ends with a linger. The row's place in the table goes with it, also into the hands of an upgraded protocol.

mod http2;
mod late_pong;
mod refusal;

use super::linger::{Linger, Peer};
use crate::admission::{DRAINING, FORCED, LEAVING};
use crate::kernel;
use crate::table::{Order, Registered, Row};
use bytes::{Bytes, BytesMut};
use hyper::rt::ReadBufCursor;
use lameduck_lifecycle::{CloseReason, Protocol};
use late_pong::LatePong;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Two slices of at most this together go out as one `send`: copying them costs less than a vectored write.
const JOINED_MAX: usize = 1024;

/// What is read at once where it is not hyper that reads.
const OWN_READ_BYTES: usize = 4096;

/// What sends the read path into its cold part.
const READ_ATTENDS: Order = Order::CLOSE_IDLE.or(Order::MEASURE).or(Order::UPGRADED);

/// A socket in the table.
#[derive(Debug)]
pub(crate) struct Io {
    // Before the place in the table: the socket is closed first.
    stream: TcpStream,
    registered: Registered,
    replay: Bytes,
    linger: Option<Box<Linger>>,
    peer: Peer,
    /// We closed it while it was idle.
    closed_idle: bool,
    /// Bytes came behind our close and were counted.
    crossed: bool,
    /// HTTP/2 only.
    late_pong: Option<Box<LatePong>>,
}

impl Io {
    pub(super) fn new(stream: TcpStream, registered: Registered) -> Self {
        Self {
            stream,
            registered,
            replay: Bytes::new(),
            linger: None,
            peer: Peer::Open,
            closed_idle: false,
            crossed: false,
            late_pong: None,
        }
    }

    #[inline]
    pub(super) fn row(&self) -> &Arc<Row> {
        self.registered.row()
    }

    /// `bytes` come again before anything else.
    pub(super) fn replay(&mut self, bytes: Bytes) {
        self.replay = bytes;
    }

    /// Reads more of the first bytes.
    pub(super) fn poll_sniff(&mut self, got: &mut BytesMut, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut bytes = [0; OWN_READ_BYTES];
        let mut buf = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf))?;
        got.extend_from_slice(buf.filled());
        self.registered.row().activity.reading().read(buf.filled());
        Poll::Ready(Ok(buf.filled().len()))
    }

    /// Ordered to close if idle: looks whether it is, into the kernel's buffer too. True: it closes now, nothing more is read.
    pub(super) fn look(&mut self) -> bool {
        let row = self.registered.row();
        row.orders.clear(Order::CLOSE_IDLE);
        let idle = if row.shared.options.closings.look {
            row.activity.is_idle() && kernel::unread_bytes(&self.stream).unwrap_or(0) == 0
        } else {
            row.activity.in_flight() == 0
        };
        if idle {
            row.closing.begin();
            self.closed_idle = true;
        } else {
            row.refund();
        }
        idle
    }

    /// The look sees what the kernel holds, not what hyper has read together with the request before: if that is the beginning of a
    /// head, the client had spoken, and nothing is closed yet. The connection goes on with those bytes.
    ///
    /// # Errors
    /// Both back, if it was closed.
    #[expect(clippy::result_large_err, reason = "moved once at the end of a connection")]
    pub(super) fn reopened(mut self, unparsed: Bytes) -> Result<Self, (Self, Bytes)> {
        let row = self.registered.row();
        let undecided = self.closed_idle && self.linger.is_none() && row.shared.options.closings.look;
        if !undecided || unparsed.is_empty() {
            return Err((self, unparsed));
        }
        row.activity.reading().rewind(unparsed.len());
        row.closing.take_back();
        row.refund();
        self.closed_idle = false;
        self.replay = unparsed;
        Ok(self)
    }

    /// Half-closes, and waits for the peer and the kernel as far as that can save anything.
    pub(super) fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let row = self.registered.row();
        let linger = match &mut self.linger {
            Some(linger) => linger,
            none => {
                row.closing.begin();
                if self.closed_idle {
                    row.closing.set_idle_reason();
                }
                let leaving = row.shared.admission.now() & (LEAVING | DRAINING) != 0;
                let worth = self.closed_idle
                    || leaving
                    || kernel::unread_bytes(&self.stream).unwrap_or(0) > 0
                    || kernel::unsent_bytes(&self.stream).unwrap_or(0) > 0;
                if !row.shared.options.closings.linger || !worth {
                    return Poll::Ready(());
                }
                none.insert(Box::new(Linger::new(self.peer)))
            }
        };
        let ended = linger.poll(&mut self.stream, row, cx);
        if linger.crossed() && !self.crossed {
            self.crossed = true;
            self.count_crossed();
        }
        ended
    }

    /// Bytes came behind our close.
    #[cold]
    fn count_crossed(&self) {
        let row = self.row();
        if self.closed_idle {
            row.shared.raced();
            row.closing.override_reason(CloseReason::Raced);
        } else if row.protocol() == Protocol::Http1 && row.activity.in_flight() == 0 {
            row.closing.set_reason(CloseReason::Pipelined);
        }
    }

    /// hyper has done with it: says why it ended. `unparsed`: hyper had read bytes that it will not look at.
    pub(super) fn ended(self, unparsed: bool) {
        let row = self.row();
        if unparsed && !self.crossed {
            self.count_crossed();
        }
        row.closing.set_reason(match self.peer {
            _ if row.closing.noticed() => CloseReason::Notice,
            Peer::Closed => CloseReason::PeerClosed,
            Peer::Open | Peer::Reset => CloseReason::Finished,
        });
    }

    /// There is an order. `Some`: what the read gives instead of reading; nothing = the end, as if the peer had closed.
    #[cold]
    fn attend(&mut self, orders: Order, cx: &Context<'_>) -> Option<io::Result<()>> {
        if orders.has(Order::UPGRADED) {
            return self.attend_upgraded(cx).map(Err);
        }
        if orders.has(Order::MEASURE) {
            let row = self.registered.row();
            row.orders.clear(Order::MEASURE);
            let window = crate::hold::window(kernel::least_round_trip(&self.stream));
            row.closing.set_window(window);
        }
        let http1 = self.row().protocol() == Protocol::Http1;
        (orders.has(Order::CLOSE_IDLE) && http1 && self.look()).then_some(Ok(()))
    }

    /// In other hands the table reaches it only here.
    #[cold]
    fn attend_upgraded(&self, cx: &Context<'_>) -> Option<io::Error> {
        let row = self.row();
        row.orders.register(cx.waker());
        row.orders.read().has(Order::KILL).then(|| io::Error::new(io::ErrorKind::ConnectionAborted, "cut at the deadline"))
    }

    /// The transport has failed: whatever hyper makes of it, that is why the connection ends.
    #[cold]
    fn reset(&mut self) {
        self.peer = Peer::Reset;
        // A client that was notified may well leave while we still speak.
        let noticed = self.row().closing.noticed();
        self.row().closing.set_reason(if noticed { CloseReason::Notice } else { CloseReason::PeerReset });
    }

    /// Reads from the socket: the row counts the bytes and learns of the end.
    #[inline]
    fn poll_stream(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        if let Err(error) = ready!(Pin::new(&mut self.stream).poll_read(cx, buf)) {
            self.reset();
            return Poll::Ready(Err(error));
        }
        let read = buf.filled();
        self.registered.row().activity.reading().read(read);
        if read.is_empty() && self.peer == Peer::Open {
            self.peer = Peer::Closed;
        }
        Poll::Ready(Ok(read.len()))
    }

    #[inline]
    fn wrote(&mut self, length: usize, written: &Poll<io::Result<usize>>) {
        if matches!(written, Poll::Ready(Err(_))) {
            self.reset();
        }
        self.row().activity.wrote(matches!(written, Poll::Ready(Ok(count)) if *count == length));
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        // An upgraded request ends here.
        if self.row().orders.read().has(Order::UPGRADED) {
            let forced = self.row().shared.admission.now() & FORCED != 0;
            self.row().end_upgraded(forced || self.peer == Peer::Reset);
        }
    }
}

impl hyper::rt::Read for Io {
    #[inline]
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.replay.is_empty() {
            let length = this.replay.len().min(buf.remaining());
            buf.put_slice(&this.replay.split_to(length));
            if this.replay.is_empty() {
                this.replay = Bytes::new();
            }
            return Poll::Ready(Ok(()));
        }
        let orders = this.row().orders.read();
        if orders.has(READ_ATTENDS)
            && let Some(instead) = this.attend(orders, cx)
        {
            return Poll::Ready(instead);
        }
        if this.closed_idle {
            return Poll::Ready(Ok(()));
        }
        if this.filters(orders) {
            return this.poll_filtered(cx, &mut buf);
        }
        // SAFETY: the buffer is only handed to a reader that writes into it and never takes away initialised bytes.
        let mut unfilled = ReadBuf::uninit(unsafe { buf.as_mut() });
        let read = ready!(this.poll_stream(cx, &mut unfilled))?;
        if let Some(late_pong) = &mut this.late_pong {
            late_pong.follow(unfilled.filled());
        }
        // SAFETY: the reader has filled exactly so many bytes.
        unsafe { buf.advance(read) };
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Io {
    #[inline]
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if refusal::begins(buf)
            && let Some(refusal) = refusal::of_hyper(buf, this.row())
        {
            // hyper closes behind it; the socket's buffer has room, since nothing waits to be sent.
            return Pin::new(&mut this.stream).poll_write(cx, &refusal).map_ok(|_| buf.len());
        }
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.wrote(buf.len(), &written);
        if written.is_pending()
            && this.row().orders.read().has(Order::UPGRADED)
            && let Some(error) = this.attend_upgraded(cx)
        {
            return Poll::Ready(Err(error));
        }
        written
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.row().orders.read().has(Order::UPGRADED) {
            return Pin::new(&mut self.stream).poll_shutdown(cx);
        }
        self.poll_linger(cx).map(Ok)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match bufs {
            [only] => self.poll_write(cx, only),
            [one, two] if one.len() + two.len() <= JOINED_MAX => {
                let mut joined = [0; JOINED_MAX];
                joined[..one.len()].copy_from_slice(one);
                joined[one.len()..one.len() + two.len()].copy_from_slice(two);
                self.poll_write(cx, &joined[..one.len() + two.len()])
            }
            many => {
                let this = &mut *self;
                let written = Pin::new(&mut this.stream).poll_write_vectored(cx, many);
                this.wrote(many.iter().map(|slice| slice.len()).sum(), &written);
                written
            }
        }
    }
}
