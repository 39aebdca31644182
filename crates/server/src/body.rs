//! The bodies that hyper sees: the response with its guard beside it, and the request's, counted.

mod last_event;

use crate::guard::Guard;
use crate::service::grpc;
use crate::table::{Row, Stream};
use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use lameduck_lifecycle::End;
use last_event::{Form, LastEvent, Next};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

pin_project_lite::pin_project! {
    /// A response body and the guard of its request. Not boxed again: hyper polls axum's body as it is.
    pub(crate) struct Tracked {
        #[pin]
        inner: Body,
        // What is left of a large frame.
        rest: Bytes,
        guard: Option<Guard>,
        // Server-sent events only.
        last_event: Option<Box<LastEvent>>,
    }

    impl PinnedDrop for Tracked {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // hyper stops polling after the last frame when the body says that it is the last.
            if let Some(guard) = this.guard && this.rest.is_empty() && this.inner.is_end_stream() {
                guard.handed_over();
            }
        }
    }
}

/// hyper takes a frame whole, however large. In pieces it takes what its buffer and the socket's hold, so that a large
/// body is in flight until its last piece is on its way, and one whose reader has stopped is not taken for answered.
const PIECE_BYTES: usize = 256 << 10;

/// HTTP/2 has a window for each stream, and the peer takes a piece when hyper asks for the next: the size of a frame.
const PIECE_BYTES_HTTP2: usize = 16 << 10;

/// The next piece.
fn piece(rest: &mut Bytes, bytes_max: usize) -> Bytes {
    rest.split_to(rest.len().min(bytes_max))
}

/// A large frame: its first piece, and the rest for later.
#[cold]
fn first_piece(frame: Frame<Bytes>, rest: &mut Bytes, bytes_max: usize) -> Frame<Bytes> {
    match frame.into_data() {
        Ok(data) => {
            *rest = data;
            Frame::data(piece(rest, bytes_max))
        }
        Err(other) => other,
    }
}

/// The stream of an HTTP/2 response.
#[inline]
fn stream_of(guard: Option<&Guard>) -> Option<&Stream> {
    guard.and_then(|guard| guard.stream.as_ref()).map(|(stream, _)| &**stream)
}

/// The client's deadline has passed: the call ends with what says so, and nothing follows.
#[cold]
fn deadline_exceeded(guard: &mut Guard) -> Option<Frame<Bytes>> {
    if !guard.time_out() {
        return None;
    }
    Some(Frame::trailers(grpc::trailers(grpc::DEADLINE_EXCEEDED, "the deadline of the call has passed")))
}

impl Tracked {
    /// `guard`: `None` if the request does not end with this body.
    pub(crate) fn new(inner: Body, guard: Option<Guard>) -> Self {
        Self::with(inner, guard, None)
    }

    /// A stream of events, to be ended between two of them when the process leaves.
    pub(crate) fn events(inner: Body, guard: Guard) -> Self {
        Self::with(inner, Some(guard), Some(Box::new(LastEvent::new(Form::Events))))
    }

    /// A stream of gRPC messages, to be ended between two of them.
    pub(crate) fn messages(inner: Body, guard: Guard) -> Self {
        Self::with(inner, Some(guard), Some(Box::new(LastEvent::new(Form::Messages))))
    }

    #[inline]
    fn with(inner: Body, guard: Option<Guard>, last_event: Option<Box<LastEvent>>) -> Self {
        if let Some(stream) = stream_of(guard.as_ref()) {
            stream.send();
        }
        Self { inner, rest: Bytes::new(), guard, last_event }
    }
}

impl http_body::Body for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    #[inline]
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.project();
        if let Some(guard) = this.guard.as_mut().filter(|guard| guard.is_past_deadline()) {
            return Poll::Ready(deadline_exceeded(guard).map(Ok));
        }
        let stream = stream_of(this.guard.as_ref());
        if let Some(stream) = stream {
            stream.sent();
        }
        let bytes_max = if stream.is_some() { PIECE_BYTES_HTTP2 } else { PIECE_BYTES };
        if !this.rest.is_empty() {
            if let Some(stream) = stream {
                stream.send();
            }
            return Poll::Ready(Some(Ok(Frame::data(piece(this.rest, bytes_max)))));
        }
        if let (Some(last_event), Some(guard)) = (&mut *this.last_event, &mut *this.guard) {
            match last_event.next(guard, cx) {
                Next::Own => {}
                Next::Last(event) => {
                    if let Some(stream) = stream_of(Some(guard)) {
                        stream.send();
                    }
                    if let Some(trailers) = event.trailers_ref() {
                        guard.grpc_ended(grpc::status(trailers));
                        guard.handed_over();
                    }
                    return Poll::Ready(Some(Ok(event)));
                }
                Next::End => {
                    guard.handed_over();
                    return Poll::Ready(None);
                }
            }
        }
        let frame = ready!(this.inner.poll_frame(cx));
        if let Some(stream) = stream_of(this.guard.as_ref()) {
            stream.send();
        }
        if let (Some(last_event), Some(Ok(frame))) = (this.last_event, &frame)
            && let Some(data) = frame.data_ref()
        {
            last_event.passed(data);
        }
        match &frame {
            Some(Ok(trailers)) if trailers.is_trailers() => {
                if let Some(guard) = this.guard {
                    guard.grpc_ended(trailers.trailers_ref().and_then(grpc::status));
                    guard.handed_over();
                }
            }
            Some(Ok(data)) if data.data_ref().is_none_or(|data| data.len() <= bytes_max) => {}
            Some(Ok(_)) => {
                return Poll::Ready(frame.map(|frame| frame.map(|frame| first_piece(frame, this.rest, bytes_max))));
            }
            Some(Err(_)) => {
                if let Some(guard) = this.guard {
                    guard.set_intent(End::Failed);
                }
            }
            None => {
                if let Some(guard) = this.guard {
                    guard.handed_over();
                }
            }
        }
        Poll::Ready(frame)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        // Asked for before the first frame only: nothing is left of one then.
        self.inner.size_hint()
    }
}

/// A request body: counted if nobody announced its length, and an HTTP/1 connection learns when all of it has come.
#[derive(Debug)]
pub(crate) struct Received {
    inner: Incoming,
    limit: Option<Limit>,
    /// The connection that waits for the body's tail.
    row: Option<Arc<Row>>,
}

/// How much may still come, and whom to tell that more came.
#[derive(Debug)]
pub(crate) struct Limit {
    pub(crate) left: u64,
    pub(crate) exceeded: Arc<AtomicBool>,
}

impl Received {
    pub(crate) fn new(inner: Incoming, limit: Option<Limit>, row: Option<Arc<Row>>) -> Self {
        if let Some(row) = &row {
            row.activity.reading().open_body();
        }
        Self { inner, limit, row }
    }

    /// All of it has come: no byte that the connection reads from here on belongs to it.
    fn complete(&mut self) {
        if let Some(row) = self.row.take() {
            row.activity.reading().close_body();
        }
    }
}

impl http_body::Body for Received {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let frame = match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None => {
                self.complete();
                return Poll::Ready(None);
            }
        };
        if self.inner.is_end_stream() {
            self.complete();
        }
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        let Some(limit) = &mut self.limit else { return Poll::Ready(Some(Ok(frame))) };
        match limit.left.checked_sub(length) {
            Some(left) => {
                limit.left = left;
                Poll::Ready(Some(Ok(frame)))
            }
            None => {
                limit.left = 0;
                limit.exceeded.store(true, Relaxed);
                Poll::Ready(Some(Err("the body is longer than the limit".into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
