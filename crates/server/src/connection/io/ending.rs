//! How a connection ends: the look before an idle close, the way back, the linger, and the reason.
//!
//! An idle HTTP/1 connection closes in steps, and until the linger each of them can be taken back:
//!
//! ```text
//!   drain or sweep        Io, called by hyper's read           hyper                      connection.rs
//!   --------------        --------------------------           -----                      -------------
//!   CLOSE_IDLE  ------->  look: nothing in flight, no
//!   (and a wake)          unread byte in the transport?
//!                           no:  refund, read on
//!                           yes: `closed_idle`, the read
//!                                gives "end of stream" ----->  its own buffer empty?
//!                                                                yes: shutdown  -------->  poll_linger: our side closes
//!                                                                no:  it ends without a    `reopened`: the client had
//!                                                                     shutdown, or with    spoken. A new hyper connection
//!                                                                     an error  -------->  begins with those bytes
//! ```
//!
//! The look cannot see what hyper read together with the request before; only hyper's parts show it. That is why a
//! connection is taken apart and begun again instead of being closed.

use super::linger::Linger;
use super::{Io, Peer};
use crate::admission::{DRAINING, LEAVING};
use crate::table::Order;
use bytes::Bytes;
use lameduck_lifecycle::{CloseReason, Protocol};
use std::task::{Context, Poll};

impl Io {
    /// Ordered to close if idle: looks whether it is, also for bytes that nobody has read. True: it closes now, nothing
    /// more is read.
    pub(super) fn look(&mut self) -> bool {
        let row = self.registered.row();
        row.orders.clear(Order::CLOSE_IDLE);
        let idle = if row.shared.options.closings.look {
            row.activity.is_idle() && self.transport.unread() == 0
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

    /// The look sees what the kernel holds, not what hyper has read together with the request before: if that is the
    /// beginning of a head, the client had spoken, and nothing is closed yet. The connection goes on with those bytes.
    ///
    /// # Errors
    /// Both back, if it was closed.
    #[expect(clippy::result_large_err, reason = "moved once at the end of a connection")]
    pub(in crate::connection) fn reopened(mut self, unparsed: Bytes) -> Result<Self, (Self, Bytes)> {
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
                let worth = self.closed_idle || leaving || self.transport.unread() > 0 || self.transport.unsent() > 0;
                if !row.shared.options.closings.linger || !worth {
                    if self.transport.is_tls() {
                        // Everything is sent, so this is too; the peer is not waited for.
                        return self.transport.poll_close_write(cx).map(|_| ());
                    }
                    return Poll::Ready(());
                }
                none.insert(Box::new(Linger::new(row.shared.options.seams.linger, self.peer == Peer::Open)))
            }
        };
        let ended = linger.poll(&mut self.transport, row, cx);
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
    pub(in crate::connection) fn ended(self, unparsed: bool) {
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
}
