//! Is the peer still there?
//!
//! An HTTP/1 client may close its side behind its request and wait for the response. hyper, left to itself, reads while a request is
//! at work, takes the end of the stream for a client that has gone, and drops the handler. So it is built with `half_close`, and does
//! not read then. A client that is really gone is found here: something comes from the socket while its request is at work (data, its
//! end, or a reset), and from then on the sweep has the socket looked at; the kernel probes a silent one. And, of course, by a write
//! that fails.

use super::Io;
use crate::table::Order;
use lameduck_lifecycle::Protocol;
use std::io;
use std::task::Context;

impl Io {
    /// A request is at work, and hyper has nothing to do but to wait for it: the reason why that makes no sense any more.
    pub(super) fn watch_peer(&mut self, cx: &mut Context<'_>) -> Option<io::Error> {
        let row = self.row();
        let orders = row.orders.read();
        if orders.has(Order::UPGRADED) || row.protocol() != Protocol::Http1 {
            return None;
        }
        if orders.has(Order::CLOSE_IDLE) {
            // It is not idle: the look takes the order back.
            self.look();
        }
        if orders.has(Order::CHECK) {
            return self.check_peer();
        }
        if orders.has(Order::IN_DOUBT) || self.transport.poll_read_ready(cx).is_pending() {
            return None;
        }
        self.doubt_peer()
    }

    #[cold]
    fn doubt_peer(&mut self) -> Option<io::Error> {
        self.row().orders.note(Order::IN_DOUBT);
        if !self.probed {
            self.probed = true;
            self.transport.probe_peer();
        }
        self.check_peer()
    }

    /// Ordered by the sweep: the reason why this connection has no use any more.
    #[cold]
    pub(super) fn check_peer(&mut self) -> Option<io::Error> {
        self.row().orders.clear(Order::CHECK);
        if !self.transport.has_peer() {
            self.reset();
            return Some(io::ErrorKind::ConnectionReset.into());
        }
        None
    }
}
