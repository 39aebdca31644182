//! The tasks of HTTP/2 streams: hyper spawns one for each, which makes the response and then sends its body.

use crate::table::{Order, Stream};
use hyper::rt::Executor;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Spawns hyper's tasks so that an order ends them in any state: hyper itself waits without bound for a peer that gives
/// a stream no window.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamExecutor;

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for StreamExecutor {
    fn execute(&self, future: F) {
        tokio::spawn(StreamTask { future, stream: None });
    }
}

pin_project_lite::pin_project! {
    /// Dropping hyper's future resets the stream, and ends its request.
    struct StreamTask<F> {
        #[pin]
        future: F,
        // Known once its response has been polled.
        stream: Option<Arc<Stream>>,
    }
}

impl<F: Future<Output = ()>> Future for StreamTask<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        match this.stream {
            Some(stream) if stream.orders.read().has(Order::KILL) => Poll::Ready(()),
            Some(_) => this.future.poll(cx),
            None => {
                let polled = this.future.poll(cx);
                *this.stream = Stream::claimed();
                polled
            }
        }
    }
}
