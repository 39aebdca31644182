//! Is the peer still there?
//!
//! An HTTP/1 client may close its side behind its request and wait for the response. hyper, left to itself, reads while
//! a request is at work, takes the end of the stream for a client that has gone, and drops the handler. So it is built
//! with `half_close`, and does not read then. A client that is really gone is found here: something comes from the
//! socket while its request is at work (data, its end, or a reset), and from then on the sweep has the socket looked
//! at; the kernel probes a silent one. And, of course, by a write that fails.

use super::Io;
use crate::clock;
use crate::table::Order;
use lameduck_lifecycle::{CloseReason, Protocol};
use std::io;
use std::task::Context;
use std::time::Duration;

impl Io {
    /// A request is at work, and hyper has nothing to do but to wait for it: the reason why that makes no sense any
    /// more.
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
        if self.row().activity.unsent() { self.check_stall() } else { None }
    }

    fn check_stall(&mut self) -> Option<io::Error> {
        let bound = self.row().shared.options.limits.write_stall;
        let stalled = self.stall.look(self.transport.progress(), clock::now_ns(), bound);
        stalled.then(|| {
            self.row().closing.set_reason(CloseReason::WriteStall);
            io::ErrorKind::TimedOut.into()
        })
    }
}

/// A write that waits for the peer, as far as it has been looked at: what was unsent then, and when.
///
/// That the transport takes nothing does not say that the peer takes nothing: the kernel lets a write go on only when
/// much of its buffer is free. So the bytes count that the peer has not acknowledged.
#[derive(Debug, Default)]
pub(super) struct Stall(Option<((usize, u64), u64)>);

impl Stall {
    /// The transport has taken bytes.
    #[inline]
    pub(super) fn over(&mut self) {
        self.0 = None;
    }

    /// A look. True: the peer has taken nothing for `bound` (of zero: never).
    fn look(&mut self, progress: (usize, u64), now_ns: u64, bound: Duration) -> bool {
        match self.0 {
            Some((before, since_ns)) if before == progress => {
                !bound.is_zero() && now_ns.saturating_sub(since_ns) >= clock::ns(bound)
            }
            _ => {
                self.0 = Some((progress, now_ns));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_nanos(30);

    #[test]
    fn a_peer_that_takes_nothing_is_stalled_and_a_slow_one_is_not() {
        let mut stall = Stall::default();
        assert!(!stall.look((500, 0), 100, BOUND));
        assert!(!stall.look((500, 0), 129, BOUND));
        assert!(stall.look((500, 0), 130, BOUND));
        assert!(!stall.look((499, 0), 131, BOUND), "a byte was taken");
        assert!(!stall.look((499, 0), 160, BOUND));
        stall.over();
        assert!(!stall.look((499, 0), 161, BOUND), "the transport took more, so the peer has taken as much");
        assert!(stall.look((499, 0), 191, BOUND));
        assert!(!stall.look((499, 0), u64::MAX, Duration::ZERO), "no bound");
    }
}
