//! The TLS handshake: bounded like a request head, and reached by the table like everything else.

use super::{Io, Negotiated};
use crate::clock;
use crate::table::{Order, Session};
use crate::tls::{ClientCertificate, HandshakeFailure, TlsVersion};
use crate::transport::Transport;
use lameduck_lifecycle::CloseReason;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

impl Io {
    /// Shakes hands, if that is needed. `Some`: the connection has ended by that.
    pub(super) async fn shake_hands(&mut self) -> Option<Negotiated> {
        if !self.transport.is_tls() {
            return None;
        }
        let mut ending = None;
        poll_fn(|cx| self.poll_shake_hands(&mut ending, cx)).await
    }

    fn poll_shake_hands(&mut self, ending: &mut Option<CloseReason>, cx: &mut Context<'_>) -> Poll<Option<Negotiated>> {
        self.row().orders.register(cx.waker());
        let orders = self.row().orders.read();
        if orders.has(Order::KILL) {
            return Poll::Ready(Some(Negotiated::Ended(CloseReason::Forced)));
        }
        if ending.is_none() && orders.has(Order::CLOSE_IDLE) && self.look() {
            *ending = Some(CloseReason::FirstByteTimeout);
        }
        if ending.is_none()
            && let Err(error) = ready!(self.poll_handshake(cx))
        {
            let reason = reason_of(&error);
            self.count_failure(&error);
            self.row().closing.set_reason(reason);
            *ending = Some(reason);
        }
        let Some(reason) = *ending else { return Poll::Ready(None) };
        // An alert that says why must not be lost to a reset.
        ready!(self.poll_linger(cx));
        Poll::Ready(Some(Negotiated::Ended(reason)))
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Transport::Tls(stream) = &mut self.transport else { return Poll::Ready(Ok(())) };
        let row = self.registered.row();
        let silent = !stream.any();
        let polled = stream.poll_handshake(cx);
        if polled.is_pending() {
            if silent && stream.any() {
                // The first bytes: from here on the time of the handshake runs.
                row.activity.shake_hands(true, clock::now_ns());
            }
            return Poll::Pending;
        }
        row.activity.shake_hands(false, clock::now_ns());
        if let Poll::Ready(Ok(())) = polled {
            let session = stream.session();
            row.shared.handshakes.completed(session);
            row.set_session(Session { version: TlsVersion::of(session), client: ClientCertificate::of(session) });
        }
        polled
    }

    fn count_failure(&self, error: &io::Error) {
        let Transport::Tls(stream) = &self.transport else { return };
        let (failure, row) = (HandshakeFailure::of(error), self.row());
        // One that connects and closes has begun none: load balancers look whether a port is open in this way.
        if failure != HandshakeFailure::Disconnected || stream.any() {
            row.shared.handshakes.failed(failure);
        }
        tracing::debug!(peer = %row.peer, %failure, %error, "TLS handshake of {} failed: {error}", row.peer);
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an open set: what is not known is the transport's")]
fn reason_of(error: &io::Error) -> CloseReason {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => CloseReason::PeerClosed,
        io::ErrorKind::InvalidData => CloseReason::HandshakeFailed,
        _ => CloseReason::PeerReset,
    }
}
