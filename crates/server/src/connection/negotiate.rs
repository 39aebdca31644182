//! What does the peer speak? Its first bytes tell: the HTTP/2 preface, or anything else.

use super::Io;
use crate::clock;
use crate::table::Order;
use bytes::BytesMut;
use lameduck_lifecycle::CloseReason;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sniffed {
    /// HTTP/1, or nothing we know: hyper answers.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// It ended before it said.
    Ended(CloseReason),
}

/// Reads until the protocol is known; what was read is replayed by the IO. The table reaches the connection here as later.
pub(super) async fn sniff(io: &mut Io) -> Sniffed {
    let mut got = BytesMut::new();
    let mut lingering = false;
    let sniffed = poll_fn(|cx| poll(io, &mut got, &mut lingering, cx)).await;
    io.replay(got.freeze());
    sniffed
}

fn poll(io: &mut Io, got: &mut BytesMut, lingering: &mut bool, cx: &mut Context<'_>) -> Poll<Sniffed> {
    io.row().orders.register(cx.waker());
    loop {
        let orders = io.row().orders.read();
        if orders.has(Order::KILL) {
            return Poll::Ready(Sniffed::Ended(CloseReason::Forced));
        }
        if *lingering {
            ready!(io.poll_linger(cx));
            return Poll::Ready(Sniffed::Ended(CloseReason::FirstByteTimeout));
        }
        if orders.has(Order::CLOSE_IDLE) && io.look() {
            *lingering = true;
            continue;
        }
        match ready!(io.poll_sniff(got, cx)) {
            Ok(0) => return Poll::Ready(Sniffed::Ended(CloseReason::PeerClosed)),
            // The first bytes: from here on the time of the head runs.
            Ok(read) if read == got.len() => io.row().activity.touch(clock::now_ns()),
            Ok(_) => {}
            Err(_) => return Poll::Ready(Sniffed::Ended(CloseReason::PeerReset)),
        }
        if let Some(sniffed) = judge(got) {
            return Poll::Ready(sniffed);
        }
    }
}

/// `None`: so far it could be either.
fn judge(got: &[u8]) -> Option<Sniffed> {
    let compared = got.len().min(PREFACE.len());
    if got[..compared] != PREFACE[..compared] {
        Some(Sniffed::Http1)
    } else {
        (compared == PREFACE.len()).then_some(Sniffed::Http2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preface_is_told_apart_at_the_first_byte_that_differs() {
        assert_eq!(judge(b""), None);
        assert_eq!(judge(b"G"), Some(Sniffed::Http1));
        assert_eq!(judge(b"P"), None);
        assert_eq!(judge(b"PO"), Some(Sniffed::Http1));
        assert_eq!(judge(&PREFACE[..23]), None);
        assert_eq!(judge(PREFACE), Some(Sniffed::Http2));
        assert_eq!(judge(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0"), Some(Sniffed::Http2));
        assert_eq!(judge(b"PRI / HTTP/1.1\r\n"), Some(Sniffed::Http1));
    }
}
