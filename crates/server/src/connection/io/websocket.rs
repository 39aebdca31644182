//! A WebSocket in the hands of a handler: follows the frames that pass, and closes it in order when the process leaves,
//! also for a handler that knows nothing of that.
//!
//! Our Close frame goes out at a frame boundary. What the handler writes behind it is dropped (RFC 6455, 5.5.1: no data
//! after a Close). The peer's Close is passed on to the handler, which then sees an ordinary end.

mod frames;

use super::Io;
use crate::goodbye;
use crate::table::Order;
use frames::Frames;
use hyper::rt::ReadBufCursor;
use std::io;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;

/// What has passed of a WebSocket.
#[derive(Debug)]
pub(super) struct WebSocket {
    head: Head,
    sent: Frames,
    received: Frames,
    goodbye: Said,
}

/// How far our goodbye is.
#[derive(Debug)]
enum Said {
    No,
    /// These bytes of it are still to be written.
    Writing(Vec<u8>),
    Yes,
}

/// The response head, `HTTP/1.1 101` to the empty line, passes before the first frame.
#[derive(Debug, Default)]
struct Head {
    /// Bytes of the mark that have been seen.
    matched: usize,
    begun: bool,
    over: bool,
}

impl Head {
    /// How many of these bytes belong to the head, or to a response before it.
    fn follow(&mut self, bytes: &[u8]) -> usize {
        for (index, byte) in bytes.iter().enumerate() {
            if self.over {
                return index;
            }
            let mark: &[u8] = if self.begun { b"\r\n\r\n" } else { b"HTTP/1.1 101" };
            self.matched = match mark[self.matched] == *byte {
                true => self.matched + 1,
                false => usize::from(mark[0] == *byte),
            };
            if self.matched == mark.len() {
                self.matched = 0;
                self.over = self.begun;
                self.begun = true;
            }
        }
        bytes.len()
    }
}

impl WebSocket {
    pub(super) fn new() -> Self {
        Self { head: Head::default(), sent: Frames::default(), received: Frames::default(), goodbye: Said::No }
    }

    /// The client has got its goodbye, or its beginning.
    pub(super) fn said_goodbye(&self) -> bool {
        !matches!(self.goodbye, Said::No)
    }

    fn wrote(&mut self, bytes: &[u8]) {
        let head = self.head.follow(bytes);
        self.sent.follow(&bytes[head..]);
    }

    /// Whether a Close frame would stand between frames, and the handler has not sent one itself.
    fn may_close(&self) -> bool {
        self.head.over && self.sent.is_between() && !self.sent.has_closed()
    }
}

/// A Close frame with a code and a reason (at most 123 bytes).
fn close_frame(code: u16, reason: &str) -> Vec<u8> {
    let length = u8::try_from(reason.len() + 2).unwrap_or(125).min(125);
    let mut frame = vec![0x88, length];
    frame.extend_from_slice(&code.to_be_bytes());
    frame.extend_from_slice(&reason.as_bytes()[..usize::from(length) - 2]);
    frame
}

impl Io {
    fn websocket(&mut self) -> &mut WebSocket {
        self.websocket.get_or_insert_with(|| Box::new(WebSocket::new()))
    }

    /// Whether the client has got its goodbye: then the end of the socket is in order, however it comes.
    pub(super) fn said_goodbye(&self) -> bool {
        self.websocket.as_ref().is_some_and(|websocket| websocket.said_goodbye())
    }

    /// Writes what is left of our goodbye, once it was ordered and a frame may stand here.
    fn poll_goodbye(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let row = self.row();
        if row.orders.read().has(Order::GOODBYE) && !self.said_goodbye() && self.websocket().may_close() {
            let reason = format!("restarting; reconnect in {} ms", goodbye::reconnect_ms(self.row().id));
            let frame = close_frame(self.row().goodbye_code(), &reason);
            self.websocket().goodbye = Said::Writing(frame);
        }
        let Some(websocket) = &mut self.websocket else { return Poll::Ready(Ok(())) };
        while let Said::Writing(frame) = &mut websocket.goodbye {
            if frame.is_empty() {
                websocket.goodbye = Said::Yes;
                break;
            }
            let written = ready!(self.transport.poll_write(cx, frame))?;
            frame.drain(..written);
        }
        Poll::Ready(Ok(()))
    }

    /// The handler reads.
    #[cold]
    pub(super) fn poll_read_websocket(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(error) = self.attend_upgraded(cx) {
            return Poll::Ready(Err(error));
        }
        if let Poll::Ready(Err(error)) = self.poll_goodbye(cx) {
            return Poll::Ready(Err(error));
        }
        if self.said_goodbye() && self.websocket().received.has_closed() {
            // Both sides have closed: the end of the stream for the handler, whatever the peer still does.
            return Poll::Ready(Ok(()));
        }
        // SAFETY: the buffer is only handed to a reader that writes into it and never takes away initialised bytes.
        let mut unfilled = ReadBuf::uninit(unsafe { buf.as_mut() });
        let read = ready!(self.poll_transport(cx, &mut unfilled))?;
        self.websocket().received.follow(unfilled.filled());
        // SAFETY: the reader has filled exactly so many bytes.
        unsafe { buf.advance(read) };
        Poll::Ready(Ok(()))
    }

    /// The handler writes.
    #[cold]
    pub(super) fn poll_write_websocket(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.said_goodbye() {
            // Nothing follows a Close. Not an error: the handler learns of the end when it reads.
            let _ = self.poll_goodbye(cx)?;
            return match self.attend_upgraded(cx) {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Ready(Ok(buf.len())),
            };
        }
        let written = self.transport.poll_write(cx, buf);
        self.wrote(buf.len(), &written);
        match written {
            Poll::Ready(Ok(count)) => {
                self.websocket().wrote(&buf[..count]);
                let _ = self.poll_goodbye(cx)?;
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.attend_write(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_begin_behind_the_head() {
        let head = b"HTTP/1.1 200 OK\r\n\r\nbodyHTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n";
        let frames = [0x81, 0x02, b'h', b'i', 0x81];
        let all = [&head[..], &frames].concat();
        for cut in 0..all.len() {
            let mut websocket = WebSocket::new();
            websocket.wrote(&all[..cut]);
            let ready = cut == head.len() || cut == head.len() + 4;
            assert_eq!(websocket.may_close(), ready, "after {cut} bytes");
            websocket.wrote(&all[cut..]);
            assert!(!websocket.may_close(), "in the middle of a frame");
        }
    }

    #[test]
    fn a_close_frame_has_code_and_reason() {
        assert_eq!(close_frame(1012, "bye"), [0x88, 5, 0x03, 0xf4, b'b', b'y', b'e']);
        assert_eq!(close_frame(1001, &"x".repeat(500)).len(), 127);
    }
}
