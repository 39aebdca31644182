//! What a request carries through the code that serves it: its id and its trace. No span is needed for it: the server
//! sets the context around each poll of the handler, and a log line, an outgoing request or a span reads it.

mod traceparent;

pub use traceparent::{TRACEPARENT, TRACESTATE, Trace};

use http::{HeaderMap, HeaderValue};
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

scoped_tls::scoped_thread_local!(static CURRENT: Context);

/// The request that the current code serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// `x-request-id`; `None` if ids are off.
    pub request_id: Option<HeaderValue>,
    /// The trace that the request belongs to; `None` if it came with none and none is made here.
    pub trace: Option<Trace>,
    /// When it must have been answered; `None` if its route has no limit and its client named none.
    pub deadline: Option<Instant>,
}

impl Context {
    /// The context of the request that the current code serves. `None` outside of requests, and in tasks that the
    /// handler has spawned, unless they were given it by [`scope`](Self::scope).
    pub fn current() -> Option<Self> {
        Self::with(Self::clone)
    }

    /// Runs `read` with the current context, if there is one.
    pub(crate) fn with<T>(read: impl FnOnce(&Self) -> T) -> Option<T> {
        CURRENT.is_set().then(|| CURRENT.with(read))
    }

    /// The request id as text; empty if there is none.
    pub fn request_id(&self) -> &str {
        self.request_id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or("")
    }

    /// Time until the request must have been answered; zero if that is over.
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Makes this the current context while `run` runs. Contexts nest.
    #[inline]
    pub fn enter<T>(&self, run: impl FnOnce() -> T) -> T {
        CURRENT.set(self, run)
    }

    /// Makes this the current context whenever `future` is polled: for work that a handler gives to a task.
    ///
    /// ```
    /// # fn spawn(_: impl Future<Output = ()> + Send + 'static) {}
    /// # async fn handler() {
    /// let context = lameduck_telemetry::Context::current().unwrap_or_default();
    /// spawn(context.scope(async {
    ///     tracing::info!("this line has the request's id");
    /// }));
    /// # }
    /// ```
    pub fn scope<F: Future>(self, future: F) -> Scoped<F> {
        Scoped { context: self, future }
    }

    /// Sets the headers of an outgoing request that belongs to this one: `traceparent`, `tracestate`, `x-request-id`.
    /// Headers that are set already stay.
    pub fn inject(&self, headers: &mut HeaderMap) {
        if let Some(trace) = &self.trace {
            trace.inject(headers);
        }
        if let Some(id) = &self.request_id {
            headers.entry("x-request-id").or_insert_with(|| id.clone());
        }
    }
}

pin_project! {
    /// The future of [`Context::scope`].
    #[derive(Debug)]
    pub struct Scoped<F> {
        context: Context,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.context.enter(|| this.future.poll(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    fn context(id: &'static str) -> Context {
        Context { request_id: Some(HeaderValue::from_static(id)), ..Context::default() }
    }

    #[test]
    fn contexts_nest_and_end() {
        let id = || Context::with(|context| context.request_id().to_owned());
        assert_eq!(id(), None);
        context("a").enter(|| {
            assert_eq!(id().as_deref(), Some("a"));
            context("b").enter(|| assert_eq!(id().as_deref(), Some("b")));
            assert_eq!(id().as_deref(), Some("a"));
        });
        assert_eq!(id(), None);
        let panicked = std::panic::catch_unwind(|| context("c").enter(|| panic!("inside")));
        assert!(panicked.is_err());
        assert_eq!(id(), None, "a panic leaves no context behind");
    }

    #[test]
    fn a_scoped_future_has_it_whenever_it_is_polled() {
        let mut polls = 0;
        let future = std::future::poll_fn(|_| {
            assert_eq!(Context::current(), Some(context("a")));
            polls += 1;
            if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
        });
        let mut scoped = std::pin::pin!(context("a").scope(future));
        let mut cx = std::task::Context::from_waker(Waker::noop());
        assert!(scoped.as_mut().poll(&mut cx).is_pending());
        assert_eq!(Context::current(), None, "not between polls");
        assert!(scoped.as_mut().poll(&mut cx).is_ready());
    }

    #[test]
    fn outgoing_requests_get_what_is_not_set() {
        let mut headers = HeaderMap::new();
        context("a").inject(&mut headers);
        context("b").inject(&mut headers);
        assert_eq!(headers["x-request-id"], "a");
        assert_eq!(headers.len(), 1);
    }
}
