//! The transport as hyper sees it: replays what the negotiation read, counts bytes, looks before an idle close, joins
//! small writes into one `send`, and ends with a linger. The row's place in the table goes with it, also into the hands
//! of an upgraded protocol.

mod ending;
#[cfg(feature = "tls")]
mod handshake;
mod http2;
mod late_pong;
mod linger;
mod negotiate;
mod peer;
mod refusal;
mod websocket;

pub(super) use negotiate::Negotiated;

use crate::admission::FORCED;
use crate::table::{Order, Registered, Row};
use crate::transport::Transport;
use bytes::Bytes;
use hyper::rt::ReadBufCursor;
use lameduck_lifecycle::{CloseReason, Protocol};
use late_pong::LatePong;
use linger::Linger;
use peer::Stall;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;
use websocket::WebSocket;

/// Two slices of at most this together go out as one `send`: copying them costs less than a vectored write.
const JOINED_MAX: usize = 1024;

/// What is read at once where it is not hyper that reads.
const OWN_READ_BYTES: usize = 4096;

/// What sends the read path into its cold part.
const READ_ATTENDS: Order =
    Order::CLOSE_IDLE.or(Order::MEASURE).or(Order::UPGRADED).or(Order::IN_DOUBT).or(Order::CHECK);

/// What the other side has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Open,
    Closed,
    Reset,
}

/// A transport in the table.
#[derive(Debug)]
pub(crate) struct Io {
    // Before the place in the table: the socket is closed first.
    transport: Transport,
    registered: Registered,
    /// Comes again before anything else is read.
    replay: Bytes,
    linger: Option<Box<Linger>>,
    peer: Peer,
    /// The kernel probes the peer.
    probed: bool,
    stall: Stall,
    /// We closed it while it was idle.
    closed_idle: bool,
    /// Bytes came behind our close and were counted.
    crossed: bool,
    /// HTTP/2 only.
    late_pong: Option<Box<LatePong>>,
    /// In the hands of a handler that speaks it.
    websocket: Option<Box<WebSocket>>,
}

impl Io {
    pub(super) fn new(transport: Transport, registered: Registered) -> Self {
        Self {
            transport,
            registered,
            replay: Bytes::new(),
            linger: None,
            peer: Peer::Open,
            probed: false,
            stall: Stall::default(),
            closed_idle: false,
            crossed: false,
            late_pong: None,
            websocket: None,
        }
    }

    #[inline]
    pub(super) fn row(&self) -> &Arc<Row> {
        self.registered.row()
    }

    /// There is an order. `Some`: what the read gives instead of reading; nothing read = the end, as if the peer had
    /// closed.
    #[cold]
    fn attend(&mut self, orders: Order, cx: &Context<'_>) -> Option<Poll<io::Result<()>>> {
        if orders.has(Order::UPGRADED) {
            return self.attend_upgraded(cx).map(|error| Poll::Ready(Err(error)));
        }
        if orders.has(Order::MEASURE) {
            let row = self.registered.row();
            row.orders.clear(Order::MEASURE);
            let window = crate::hold::window(self.transport.least_round_trip());
            row.closing.set_window(window);
        }
        if orders.has(Order::CHECK)
            && let Some(error) = self.check_peer()
        {
            return Some(Poll::Ready(Err(error)));
        }
        if orders.has(Order::IN_DOUBT) {
            self.row().orders.clear(Order::IN_DOUBT);
        }
        let http1 = self.row().protocol() == Protocol::Http1;
        (orders.has(Order::CLOSE_IDLE) && http1 && self.look()).then_some(Poll::Ready(Ok(())))
    }

    /// A write has to wait: there may be an order.
    #[cold]
    fn attend_write(&mut self, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        let orders = self.row().orders.read();
        let error = if orders.has(Order::UPGRADED) {
            self.attend_upgraded(cx)
        } else if orders.has(Order::CHECK) {
            self.check_peer()
        } else {
            None
        };
        error.map_or(Poll::Pending, |error| Poll::Ready(Err(error)))
    }

    /// In other hands the table reaches it only here.
    #[cold]
    fn attend_upgraded(&self, cx: &Context<'_>) -> Option<io::Error> {
        let row = self.row();
        row.orders.register(cx.waker());
        row.orders
            .read()
            .has(Order::KILL)
            .then(|| io::Error::new(io::ErrorKind::ConnectionAborted, "cut at the deadline"))
    }

    /// The transport has failed: whatever hyper makes of it, that is why the connection ends.
    #[cold]
    fn reset(&mut self) {
        self.peer = Peer::Reset;
        // A client that was notified may well leave while we still speak.
        let noticed = self.row().closing.noticed();
        self.row().closing.set_reason(if noticed { CloseReason::Notice } else { CloseReason::PeerReset });
    }

    /// Reads from the transport: the row counts the bytes and learns of the end.
    #[inline]
    fn poll_transport(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        let polled = self.transport.poll_read(cx, buf);
        if self.transport.is_tls() {
            self.row().activity.reading().hold_part(self.transport.holds_part());
        }
        if let Err(error) = ready!(polled) {
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

    /// What a write had left in the transport is with the kernel by now, or not.
    fn flushed(&mut self, flushed: &Poll<io::Result<()>>) {
        if matches!(flushed, Poll::Ready(Err(_))) {
            self.reset();
        }
        self.row().activity.wrote(flushed.is_ready());
    }

    #[inline]
    fn wrote(&mut self, length: usize, written: &Poll<io::Result<usize>>) {
        let count = match written {
            Poll::Ready(Ok(count)) => *count,
            Poll::Ready(Err(_)) => {
                self.reset();
                0
            }
            Poll::Pending => 0,
        };
        if count > 0 {
            self.stall.over();
        }
        self.row().activity.wrote(count == length && !self.transport.holds_back());
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        // An upgraded request ends here.
        if self.row().orders.read().has(Order::UPGRADED) {
            let forced = self.row().shared.admission.now() & FORCED != 0;
            let cut = (forced || self.peer == Peer::Reset) && !self.said_goodbye();
            self.row().end_upgraded(cut);
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
        if orders.has(Order::WEBSOCKET) {
            return this.poll_read_websocket(cx, &mut buf);
        }
        if orders.has(READ_ATTENDS)
            && let Some(instead) = this.attend(orders, cx)
        {
            return instead;
        }
        if this.closed_idle {
            return Poll::Ready(Ok(()));
        }
        if this.filters(orders) {
            return this.poll_filtered(cx, &mut buf);
        }
        // SAFETY: the buffer is only handed to a reader that writes into it and never takes away initialised bytes.
        let mut unfilled = ReadBuf::uninit(unsafe { buf.as_mut() });
        let read = ready!(this.poll_transport(cx, &mut unfilled))?;
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
        if this.row().orders.read().has(Order::WEBSOCKET) {
            return this.poll_write_websocket(cx, buf);
        }
        if refusal::begins(buf)
            && let Some(refusal) = refusal::of_hyper(buf, this.row())
        {
            // hyper closes behind it; the socket's buffer has room, since nothing waits to be sent.
            return this.transport.poll_write(cx, &refusal).map_ok(|_| buf.len());
        }
        let written = this.transport.poll_write(cx, buf);
        this.wrote(buf.len(), &written);
        if written.is_pending() { this.attend_write(cx) } else { written }
    }

    #[inline]
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.row().activity.in_flight() > 0
            && let Some(error) = self.watch_peer(cx)
        {
            return Poll::Ready(Err(error));
        }
        let flushed = self.transport.poll_flush(cx);
        if self.transport.is_tls() {
            self.flushed(&flushed);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.row().orders.read().has(Order::UPGRADED) {
            return self.transport.poll_close_write(cx);
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
        if self.row().orders.read().has(Order::WEBSOCKET) {
            // One at a time: each is followed.
            let first = bufs.iter().find(|slice| !slice.is_empty());
            return self.poll_write(cx, first.map_or(&[][..], |slice| slice));
        }
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
                let written = this.transport.poll_write_vectored(cx, many);
                this.wrote(many.iter().map(|slice| slice.len()).sum(), &written);
                if written.is_pending() { this.attend_write(cx) } else { written }
            }
        }
    }
}
