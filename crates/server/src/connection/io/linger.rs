//! The end of a connection that loses nothing: half-close, read and discard until the peer has closed too, and wait
//! until the kernel has sent everything. A plain close with unread bytes resets the connection, and a reset takes the
//! answer with it.

use crate::admission::{DRAINING, LEAVING};
use crate::clock;
use crate::table::Row;
use crate::transport::Transport;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::ReadBuf;
use tokio::time::{Instant, Sleep};

/// How often the kernel is asked for what it has not sent: nobody wakes us for that.
const ASK_MIN: Duration = Duration::from_millis(5);
const ASK_MAX: Duration = Duration::from_millis(100);

/// A linger under way.
#[derive(Debug)]
pub(super) struct Linger {
    timer: Pin<Box<Sleep>>,
    shut: bool,
    /// The peer may still send, and we still read.
    reading: bool,
    reads_until: Instant,
    ask: Duration,
    crossed: bool,
    /// What the kernel had not sent, and since when that number has stood.
    unsent: usize,
    unsent_since_ns: u64,
}

impl Linger {
    /// For so long at most. `reading`: the peer may still send.
    pub(super) fn new(lasting: Duration, reading: bool) -> Self {
        let reads_until = Instant::now() + lasting;
        Self {
            timer: Box::pin(tokio::time::sleep_until(reads_until)),
            shut: false,
            reading,
            reads_until,
            ask: ASK_MIN,
            crossed: false,
            unsent: 0,
            unsent_since_ns: clock::now_ns(),
        }
    }

    /// Whether bytes came behind our close.
    pub(super) fn crossed(&self) -> bool {
        self.crossed
    }

    /// Ready: closing the socket now takes nothing away.
    pub(super) fn poll(&mut self, transport: &mut Transport, row: &Row, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.shut(transport, cx);
            if self.reading {
                self.discard(transport, cx);
            }
            if self.shut && !self.reading && self.is_sent(transport, row) {
                return Poll::Ready(());
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.reading &= Instant::now() < self.reads_until;
            let next = Instant::now() + self.ask;
            self.ask = (self.ask * 2).min(ASK_MAX);
            self.timer.as_mut().reset(if self.reading { self.reads_until } else { next });
        }
    }

    /// Closes our side; that never waits on TCP, but on TLS with a peer that does not read.
    fn shut(&mut self, transport: &mut Transport, cx: &mut Context<'_>) {
        if !self.shut
            && let Poll::Ready(closed) = transport.poll_close_write(cx)
        {
            // An error means that the peer is gone.
            self.reading &= closed.is_ok();
            self.shut = true;
        }
    }

    fn discard(&mut self, transport: &mut Transport, cx: &mut Context<'_>) {
        let mut bytes = [0; 4096];
        // A peer that never stops sending keeps the timer from its turn: the clock is asked here too.
        while Instant::now() < self.reads_until {
            let mut buf = ReadBuf::new(&mut bytes);
            match transport.poll_read(cx, &mut buf) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => self.crossed = true,
                Poll::Ready(_) => {
                    self.reading = false;
                    // Ask soon: the answer of a peer that has closed is mostly there already.
                    self.timer.as_mut().reset(Instant::now() + self.ask);
                    return;
                }
            }
        }
        self.reading = false;
    }

    /// Everything has reached the peer's kernel, or it makes no sense to wait for that.
    fn is_sent(&mut self, transport: &Transport, row: &Row) -> bool {
        let unsent = transport.unsent();
        row.closing.set_unsent_bytes(unsent);
        let now = clock::now_ns();
        if unsent != self.unsent {
            self.unsent = unsent;
            self.unsent_since_ns = now;
        }
        let shared = &row.shared;
        let leaving = shared.admission.now() & (LEAVING | DRAINING) != 0;
        // While the process lives on, the kernel sends for a closed socket as well: a peer that stopped reading need
        // not hold a row.
        let stuck = !leaving && now - self.unsent_since_ns > clock::ns(shared.options.limits.idle_timeout);
        unsent == 0 || stuck || !transport.has_peer()
    }
}
