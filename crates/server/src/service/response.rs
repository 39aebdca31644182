//! The future of one response: the router's, or one of the server's own; and everything that is done to each response.

use super::grpc;
use crate::admission::{DRAINING, LEAVING};
use crate::body::Tracked;
use crate::clock;
use crate::error_body::{self, Form, Ids, Rejected};
use crate::goodbye::{self, Goodbye};
use crate::guard::Guard;
use crate::observer::Scopes;
use crate::request_id::X_REQUEST_ID;
use crate::table::Order;
use axum::response::Response;
use axum::routing::future::RouteFuture;
use http::{HeaderValue, StatusCode, header};
use http_body::Body as _;
use lameduck_lifecycle::{CloseReason, End, Kind};
use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// The deadline has cut this request: there is no answer.
#[derive(Debug)]
pub(crate) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut at the deadline")
    }
}

impl std::error::Error for Cut {}

/// Answers that the server gives instead of the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    Busy,
    NotOneHost,
    TooLarge,
    TimedOut,
    Panicked,
}

/// A response that is being made.
pub(crate) struct Answer {
    /// `RouteFuture` is `Unpin`: nothing needs projecting.
    routed: Option<RouteFuture<Infallible>>,
    own: Option<Own>,
    /// `None` once the response is made.
    guard: Option<Guard>,
    id: Option<HeaderValue>,
    head: bool,
    registered: bool,
    exceeded: Option<Arc<AtomicBool>>,
}

impl Answer {
    #[inline(always)]
    pub(super) fn routed(
        routed: RouteFuture<Infallible>,
        guard: Guard,
        id: Option<HeaderValue>,
        head: bool,
        exceeded: Option<Arc<AtomicBool>>,
    ) -> Self {
        Self { routed: Some(routed), own: None, guard: Some(guard), id, head, registered: false, exceeded }
    }

    #[cold]
    pub(super) fn own(own: Own, guard: Guard, id: Option<HeaderValue>, head: bool) -> Self {
        Self { routed: None, own: Some(own), guard: Some(guard), id, head, registered: false, exceeded: None }
    }

    /// The orders of the request: an HTTP/1 request has those of its connection, which is the same task; a stream has
    /// its own.
    #[inline]
    fn orders(&mut self, cx: &Context<'_>) -> Order {
        let Some(guard) = &self.guard else { return Order::NONE };
        match &guard.stream {
            None => guard.row.orders.read(),
            Some((stream, _)) => {
                if !self.registered {
                    self.registered = true;
                    stream.orders.register(cx.waker());
                    stream.claim_task();
                }
                stream.orders.read()
            }
        }
    }

    /// Ordered to hurry: too late, or not (the order was meant for an earlier request of the connection).
    #[cold]
    fn hurry(&mut self, orders: Order) -> Result<(), Cut> {
        let Some(guard) = &self.guard else { return Ok(()) };
        if orders.has(Order::KILL) && guard.stream.is_some() {
            self.routed = None;
            return Err(Cut);
        }
        if guard.cell().is_late(clock::now_ns()) {
            self.routed = None;
            self.own = Some(Own::TimedOut);
        }
        if guard.stream.is_none() {
            guard.row.orders.clear(Order::TIMEOUT);
        }
        Ok(())
    }

    /// The server's own answer, and how the request ends by it.
    #[cold]
    fn make_own(&mut self, own: Own) -> Response {
        let (status, sentence, end) = match own {
            Own::Busy => (503, grpc::BUSY, Some(End::Rejected)),
            Own::NotOneHost => (400, "send exactly one Host header, with a valid value", None),
            Own::TooLarge => (413, error_body::sentence(StatusCode::PAYLOAD_TOO_LARGE), None),
            Own::TimedOut if self.guard.as_ref().is_some_and(Guard::is_call) => {
                (504, "the deadline of the call has passed", Some(End::TimedOut))
            }
            Own::TimedOut => (503, "the request took longer than allowed", Some(End::TimedOut)),
            Own::Panicked => (500, error_body::sentence(StatusCode::INTERNAL_SERVER_ERROR), Some(End::Failed)),
        };
        if let (Some(guard), Some(end)) = (&mut self.guard, end) {
            guard.set_intent(end);
        }
        if own == Own::Busy && self.guard.as_ref().is_some_and(Guard::is_call) {
            return grpc::busy();
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = own_response(status, sentence, &self.id, self.guard.as_ref());
        if own == Own::NotOneHost {
            announce_close(&mut response);
        }
        response
    }

    /// What is done to every response.
    #[inline]
    fn finish(&mut self, mut response: Response) -> http::Response<Tracked> {
        let Some(mut guard) = self.guard.take() else { return response.map(|body| Tracked::new(body, None)) };
        if response.status().as_u16() >= 400 {
            response = self.refine(response, &mut guard);
        }
        if let Some(id) = self.id.take() {
            response.headers_mut().insert(X_REQUEST_ID, id);
        }
        let status = response.status();
        guard.answered(status);
        if guard.is_call() {
            guard.grpc_ended(grpc::status(response.headers()));
            if grpc::is_refusal(response.headers()) {
                guard.set_intent(End::Rejected);
            }
        }
        if let Some(scopes) = &mut guard.scopes {
            scopes.answered(status, response.headers_mut());
        }
        if guard.upgrades(status) {
            return upgraded(response, guard);
        }

        if guard.stream.is_none() && guard.row.activity.reading().has_open_body() {
            announce_close(&mut response);
        }
        let state = guard.row.shared.admission.now();
        if guard.row.orders.read().has(Order::AGED) {
            guard.row.closing.set_reason(CloseReason::ConnectionAge);
            announce_close(&mut response);
        }
        if state & (LEAVING | DRAINING) != 0 {
            tell(&mut response, &guard, state);
        }
        let body = response.body();
        if body.size_hint().exact().is_none() && is_sse(&response) {
            return events(response, guard, self.head);
        }
        if guard.is_call() && is_subscription(&response) && !body.is_end_stream() {
            return subscription(response, guard);
        }
        if self.head
            || response.body().is_end_stream()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED
        {
            guard.handed_over();
        }
        response.map(|body| Tracked::new(body, Some(guard)))
    }

    /// An error answer: marks, form.
    #[cold]
    fn refine(&mut self, mut response: Response, guard: &mut Guard) -> Response {
        if self.exceeded.as_ref().is_some_and(|exceeded| exceeded.load(Relaxed)) {
            return own_response(
                StatusCode::PAYLOAD_TOO_LARGE,
                error_body::sentence(StatusCode::PAYLOAD_TOO_LARGE),
                &self.id,
                Some(guard),
            );
        }
        if response.extensions_mut().remove::<Rejected>().is_some() {
            guard.set_intent(End::Rejected);
        }
        let json = guard.row.routes.conventions.json_errors;
        if (json || guard.row.routes.calls.is_some()) && guard.is_call() {
            let as_it_is = grpc::status(response.headers()).is_some();
            return if as_it_is {
                response
            } else {
                grpc::response(response.status(), error_body::sentence(response.status()))
            };
        }
        if json { error_body::as_json(response, ids(&self.id, Some(guard))) } else { response }
    }
}

impl Future for Answer {
    type Output = Result<http::Response<Tracked>, Cut>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let orders = this.orders(cx);
        if orders.has(Order::TIMEOUT.or(Order::KILL)) {
            this.hurry(orders)?;
        }
        if let Some(own) = this.own.take() {
            let response = this.make_own(own);
            return Poll::Ready(Ok(this.finish(response)));
        }
        let Some(routed) = &mut this.routed else { return Poll::Pending };
        let scopes = this.guard.as_mut().and_then(|guard| guard.scopes.as_mut());
        let polled = catch_unwind(AssertUnwindSafe(|| match scopes {
            None => Pin::new(routed).poll(cx),
            Some(scopes) => poll_inside(scopes, routed, cx),
        }));
        let response = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(response))) => response,
            Ok(Poll::Ready(Err(never))) => match never {},
            Err(_) => {
                // What the panic left behind must not bring down the connection when it is dropped.
                let left = this.routed.take();
                drop(catch_unwind(AssertUnwindSafe(|| drop(left))));
                this.make_own(Own::Panicked)
            }
        };
        Poll::Ready(Ok(this.finish(response)))
    }
}

/// A response of the server's own, in the form that the app has.
fn own_response(status: StatusCode, sentence: &str, id: &Option<HeaderValue>, guard: Option<&Guard>) -> Response {
    if guard.is_some_and(Guard::is_call) {
        return grpc::response(status, sentence);
    }
    let json = guard.is_some_and(|guard| guard.row.routes.conventions.json_errors);
    let form = if json { Form::Json(ids(id, guard)) } else { Form::Text };
    error_body::own(status, sentence, form)
}

fn ids<'a>(request: &'a Option<HeaderValue>, guard: Option<&'a Guard>) -> Ids<'a> {
    let scopes = guard.and_then(|guard| guard.scopes.as_ref());
    Ids { request: request.as_ref(), trace: scopes.and_then(Scopes::trace_id) }
}

/// Polls the handler inside of the observers' scopes.
#[cold]
fn poll_inside(
    scopes: &mut Scopes,
    routed: &mut RouteFuture<Infallible>,
    cx: &mut Context<'_>,
) -> Poll<Result<Response, Infallible>> {
    let mut polled = None;
    scopes.enter(&mut || {
        if polled.is_none() {
            polled = Some(Pin::new(&mut *routed).poll(cx));
        }
    });
    // A scope that does not run what it is given must not cost the request its answer.
    polled.unwrap_or_else(|| Pin::new(routed).poll(cx))
}

/// The handler has not read the request's body. hyper closes behind the answer if the rest has not come by then, and a
/// client that was not told would lose its next request.
#[cold]
fn announce_close(response: &mut Response) {
    response.headers_mut().insert(header::CONNECTION, CLOSE);
}

/// The notice, while leaving: `Connection: close`, or GOAWAY for the whole connection.
#[cold]
fn tell(response: &mut Response, guard: &Guard, state: u32) {
    let row = &guard.row;
    let shared = &row.shared;
    if !shared.options.closings.notice {
        return;
    }
    let now = clock::now_ns();
    if !shared.admission.tells(state, now, row.id ^ guard.began_ns()) {
        return;
    }
    if guard.stream.is_some() {
        row.go_away(now);
    } else {
        row.closing.notice();
        announce_close(response);
    }
}

/// The request goes on with the socket.
#[cold]
fn upgraded(response: Response, mut guard: Guard) -> http::Response<Tracked> {
    let websocket =
        response.headers().get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"));
    guard.set_kind(if websocket { Kind::Websocket } else { Kind::Upgrade });
    let goodbye = goodbye_of(&response);
    let row = guard.row.clone();
    row.upgrade(Box::new(guard));
    if websocket && goodbye != Goodbye::Finish {
        row.speaks_websocket(goodbye.code());
    }
    response.map(|body| Tracked::new(body, None))
}

/// Server-sent events: ended in order when the process leaves. Compressed ones are left alone: nothing can be added to
/// them.
#[cold]
fn events(response: Response, mut guard: Guard, head: bool) -> http::Response<Tracked> {
    if head {
        guard.handed_over();
    }
    guard.set_kind(Kind::Sse);
    if goodbye_of(&response) == Goodbye::Finish || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response.map(|body| Tracked::new(body, Some(guard)));
    }
    let orders = guard.stream.as_ref().map_or(&guard.row.orders, |(stream, _)| &stream.orders);
    goodbye::begins(&guard.row.shared, orders);
    response.map(|body| Tracked::events(body, guard))
}

/// A stream of messages that its handler has declared a subscription: ended between two of them.
#[cold]
fn subscription(response: Response, guard: Guard) -> http::Response<Tracked> {
    if let Some((stream, _)) = &guard.stream {
        stream.orders.note(Order::SUBSCRIPTION);
        goodbye::begins(&guard.row.shared, &stream.orders);
    }
    response.map(|body| Tracked::messages(body, guard))
}

/// A call is work unless its response says otherwise.
fn is_subscription(response: &Response) -> bool {
    response.extensions().get::<Goodbye>().is_some_and(|goodbye| *goodbye != Goodbye::Finish)
}

fn goodbye_of(response: &Response) -> Goodbye {
    let extensions = response.extensions();
    extensions.get::<Goodbye>().copied().unwrap_or_default()
}

fn is_sse(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}
