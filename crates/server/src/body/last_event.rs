//! The end of a subscription when the process leaves. Server-sent events: a last event with `retry`, between two
//! events, then the end of the body; the client's `EventSource` reconnects by itself and says `Last-Event-ID`. A gRPC
//! stream: trailers, between two frames, each of which is one whole message or more.

use crate::goodbye;
use crate::guard::Guard;
use crate::service::grpc;
use crate::table::Order;
use bytes::Bytes;
use http_body::Frame;
use std::task::Context;

/// What has passed of a stream.
#[derive(Debug)]
pub(super) struct LastEvent {
    form: Form,
    /// The last bytes: an empty line ends an event.
    tail: [u8; 4],
    state: State,
}

/// What the stream consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Server-sent events.
    Events,
    /// Messages of gRPC.
    Messages,
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
    Last(Frame<Bytes>),
    /// The end of the body.
    End,
}

impl LastEvent {
    pub(super) fn new(form: Form) -> Self {
        Self { form, tail: *b"\n\n\n\n", state: State::Going }
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
        if !orders.has(Order::GOODBYE) || self.form == Form::Events && !self.is_between() {
            return Next::Own;
        }
        self.state = State::Said;
        let retry = goodbye::reconnect_ms(goodbye::seed(&guard.row));
        Next::Last(match self.form {
            Form::Events => Frame::data(Bytes::from(format!(": restarting\nretry: {retry}\n\n"))),
            Form::Messages => Frame::trailers(grpc::goodbye(retry)),
        })
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
            let mut last = LastEvent::new(Form::Events);
            for piece in pieces {
                last.passed(piece.as_bytes());
            }
            assert_eq!(last.is_between(), between, "{pieces:?}");
        }
    }
}
