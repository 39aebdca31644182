//! What does the peer speak? Its first bytes tell: the HTTP/2 preface, or anything else.

use super::{Io, OWN_READ_BYTES};
use crate::clock;
use crate::table::Order;
use bytes::BytesMut;
use lameduck_lifecycle::CloseReason;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::connection) enum Negotiated {
    /// HTTP/1, or nothing we know: hyper answers.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// It ended before it said.
    Ended(CloseReason),
}

impl Io {
    /// Reads until the protocol is known; hyper gets what was read. The table reaches the connection here as later.
    pub(in crate::connection) async fn negotiate(&mut self) -> Negotiated {
        #[cfg(feature = "tls")]
        if let Some(ended) = self.shake_hands().await {
            return ended;
        }
        let mut got = BytesMut::new();
        let mut lingering = false;
        let negotiated = poll_fn(|cx| poll(self, &mut got, &mut lingering, cx)).await;
        self.replay = got.freeze();
        if self.transport.contradicts(negotiated == Negotiated::Http2) {
            Negotiated::Ended(CloseReason::ProtocolError)
        } else {
            negotiated
        }
    }

    /// Reads more of the first bytes.
    fn poll_first_bytes(&mut self, got: &mut BytesMut, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut bytes = [0; OWN_READ_BYTES];
        let mut buf = ReadBuf::new(&mut bytes);
        ready!(self.transport.poll_read(cx, &mut buf))?;
        got.extend_from_slice(buf.filled());
        self.row().activity.reading().read(buf.filled());
        Poll::Ready(Ok(buf.filled().len()))
    }
}

fn poll(io: &mut Io, got: &mut BytesMut, lingering: &mut bool, cx: &mut Context<'_>) -> Poll<Negotiated> {
    io.row().orders.register(cx.waker());
    loop {
        let orders = io.row().orders.read();
        if orders.has(Order::KILL) {
            return Poll::Ready(Negotiated::Ended(CloseReason::Forced));
        }
        if *lingering {
            ready!(io.poll_linger(cx));
            return Poll::Ready(Negotiated::Ended(CloseReason::FirstByteTimeout));
        }
        if orders.has(Order::CLOSE_IDLE) && io.look() {
            *lingering = true;
            continue;
        }
        match ready!(io.poll_first_bytes(got, cx)) {
            Ok(0) => return Poll::Ready(Negotiated::Ended(CloseReason::PeerClosed)),
            // The first bytes: from here on the time of the head runs.
            Ok(read) if read == got.len() => io.row().activity.touch(clock::now_ns()),
            Ok(_) => {}
            Err(_) => return Poll::Ready(Negotiated::Ended(CloseReason::PeerReset)),
        }
        if let Some(negotiated) = judge(got) {
            return Poll::Ready(negotiated);
        }
    }
}

/// `None`: so far it could be either.
fn judge(got: &[u8]) -> Option<Negotiated> {
    let compared = got.len().min(PREFACE.len());
    if got[..compared] != PREFACE[..compared] {
        Some(Negotiated::Http1)
    } else {
        (compared == PREFACE.len()).then_some(Negotiated::Http2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preface_is_told_apart_at_the_first_byte_that_differs() {
        assert_eq!(judge(b""), None);
        assert_eq!(judge(b"G"), Some(Negotiated::Http1));
        assert_eq!(judge(b"P"), None);
        assert_eq!(judge(b"PO"), Some(Negotiated::Http1));
        assert_eq!(judge(&PREFACE[..23]), None);
        assert_eq!(judge(PREFACE), Some(Negotiated::Http2));
        assert_eq!(judge(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0"), Some(Negotiated::Http2));
        assert_eq!(judge(b"PRI / HTTP/1.1\r\n"), Some(Negotiated::Http1));
    }
}
