//! What an HTTP/2 socket does beside: it follows the frames, so that the answer to hyper's last PING can come late.

use super::late_pong::LatePong;
use super::{Io, OWN_READ_BYTES};
use crate::table::Order;
use bytes::Bytes;
use hyper::rt::ReadBufCursor;
use std::io;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;

impl Io {
    /// What is replayed begins with the preface of HTTP/2.
    pub(in crate::connection) fn speaks_http2(&mut self) {
        let mut late_pong = Box::new(LatePong::new());
        late_pong.follow(&self.replay);
        self.late_pong = Some(late_pong);
    }

    /// Whether what is read must be looked at before hyper gets it.
    #[inline]
    pub(super) fn filters(&mut self, orders: Order) -> bool {
        let Some(late_pong) = &mut self.late_pong else { return false };
        if orders.has(Order::GO_AWAY) {
            late_pong.go_away();
        }
        late_pong.filters()
    }

    /// Reads frames after GOAWAY: the answer to hyper's PING comes last.
    #[cold]
    pub(super) fn poll_filtered(&mut self, cx: &mut Context<'_>, buf: &mut ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let Some(mut late_pong) = self.late_pong.take() else { return Poll::Ready(Ok(())) };
        let frames = self.poll_frames(&mut late_pong, cx);
        self.late_pong = Some(late_pong);
        let mut frames = ready!(frames)?;
        buf.put_slice(&frames.split_to(frames.len().min(buf.remaining())));
        self.replay = frames;
        Poll::Ready(Ok(()))
    }

    /// Frames for hyper; none at the end.
    fn poll_frames(&mut self, late_pong: &mut LatePong, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        loop {
            let mut bytes = [0; OWN_READ_BYTES];
            let mut buf = ReadBuf::new(&mut bytes);
            let Poll::Ready(read) = self.poll_transport(cx, &mut buf) else { return late_pong.poll_over(cx).map(Ok) };
            if read? == 0 {
                return Poll::Ready(Ok(Bytes::new()));
            }
            let passed = late_pong.pass(buf.filled());
            if !passed.is_empty() {
                return Poll::Ready(Ok(passed));
            }
        }
    }
}
