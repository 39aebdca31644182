//! The end of server-sent events when the process leaves: a last event with `retry`, between two events, then the end
//! of the body. The client's `EventSource` reconnects by itself and says `Last-Event-ID`.

use crate::goodbye;
use crate::guard::Guard;
use crate::table::Order;
use bytes::Bytes;
use std::task::Context;

/// What has passed of a stream of events.
#[derive(Debug)]
pub(super) struct LastEvent {
    /// The last bytes: an empty line ends an event.
    tail: [u8; 4],
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Going,
    Said,
}

/// What comes next.
pub(super) enum Next {
    /// The stream's own next frame.
    Own,
    /// The goodbye.
    Last(Bytes),
    /// The end of the body.
    End,
}

impl LastEvent {
    pub(super) fn new() -> Self {
        Self { tail: *b"\n\n\n\n", state: State::Going }
    }

    pub(super) fn next(&mut self, guard: &Guard, cx: &Context<'_>) -> Next {
        if self.state == State::Said {
            return Next::End;
        }
        let orders = match &guard.stream {
            None => guard.row.orders.read(),
            Some((stream, _)) => {
                // The body of a stream is polled by a task of its own.
                stream.orders.register(cx.waker());
                stream.orders.read()
            }
        };
        if !orders.has(Order::GOODBYE) || !self.is_between() {
            return Next::Own;
        }
        self.state = State::Said;
        let retry = goodbye::reconnect_ms(goodbye::seed(&guard.row));
        Next::Last(Bytes::from(format!(": restarting\nretry: {retry}\n\n")))
    }

    /// These bytes of the stream have passed.
    pub(super) fn passed(&mut self, data: &[u8]) {
        let kept = data.len().min(4);
        self.tail.copy_within(kept.., 0);
        self.tail[4 - kept..].copy_from_slice(&data[data.len() - kept..]);
    }

    fn is_between(&self) -> bool {
        self.tail.ends_with(b"\n\n") || self.tail.ends_with(b"\r\r") || self.tail == *b"\r\n\r\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_line_ends_an_event_however_it_comes() {
        for (pieces, between) in [
            (&[][..], true),
            (&["data: 1\n\n"][..], true),
            (&["data: 1\n", "\n"], true),
            (&["data: 1\r\n\r", "\n"], true),
            (&["data: 1\r\r"], true),
            (&["data: 1\n"], false),
            (&["data: 1\n\n", "data: 2"], false),
        ] {
            let mut last = LastEvent::new();
            for piece in pieces {
                last.passed(piece.as_bytes());
            }
            assert_eq!(last.is_between(), between, "{pieces:?}");
        }
    }
}
