//! From hyper's request to hyper's response: guard, id, limits, the router, the notice. hyper is generic over this
//! service, so nothing here is boxed; what is rare is cold.

pub(crate) mod grpc;
mod response;

pub(crate) use response::Answer;

use crate::app::{BodyLimit, RouteTable, method_index};
use crate::body::{Limit, Received};
use crate::guard::{Begin, Guard};
use crate::request_id;
use crate::table::Row;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Method, Request, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;
use lameduck_lifecycle::{Kind, Protocol};
use response::Own;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The service of one connection. It owns its router: cloning one for each request costs a shared counter.
#[derive(Debug)]
pub(crate) struct Service {
    router: RefCell<Router>,
    /// What answers calls, where that is another router.
    calls: RefCell<Option<Router>>,
    row: Arc<Row>,
    protocol: Protocol,
}

impl Service {
    pub(crate) fn new(router: Router, row: Arc<Row>, protocol: Protocol) -> Self {
        let calls = if protocol == Protocol::Http2 { row.routes.calls.clone() } else { None };
        Self { router: RefCell::new(router), calls: RefCell::new(calls), row, protocol }
    }

    fn routes(&self) -> &RouteTable {
        &self.row.routes
    }

    #[inline]
    fn begin(&self, request: &Request<Incoming>) -> (Guard, bool) {
        let http1 = self.protocol == Protocol::Http1;
        let begin = Begin {
            protocol: self.protocol,
            kind: if !http1 && grpc::is_call(request) { Kind::Grpc } else { Kind::Request },
            route: self.routes().find(request.uri().path()),
            method: method_index(request.method()),
            has_body: !request.body().is_end_stream(),
        };
        let (guard, admitted) = Guard::begin(&self.row, begin);
        if guard.is_call()
            && let Some(timeout) = grpc::timeout(request.headers())
        {
            guard.set_deadline(timeout);
        }
        (guard, admitted)
    }
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = http::Response<crate::body::Tracked>;
    type Error = response::Cut;
    type Future = Answer;

    #[inline]
    fn call(&self, mut request: Request<Incoming>) -> Answer {
        let (mut guard, admitted) = self.begin(&request);
        let extensions = request.extensions_mut();
        extensions.insert(ConnectInfo(self.row.peer));
        extensions.insert(guard.connection());
        #[cfg(feature = "tls")]
        if let Some(client) = self.row.session().and_then(|session| session.client.as_ref()) {
            extensions.insert(client.clone());
        }
        let id = self.routes().conventions.request_ids.then(|| request_id::settle(request.headers_mut()));
        let watch = &self.row.shared.watch;
        if watch.keeps_ids() {
            // For the log alone, if nobody asked for ids.
            guard.id = id.clone().or_else(|| Some(request_id::of(request.headers())));
            if watch.begins() {
                request = began(request, &mut guard);
            }
        }
        let head = request.method() == Method::HEAD;
        if self.protocol == Protocol::Http1 && !has_one_host(&request) {
            return Answer::own(Own::NotOneHost, guard, id, head);
        }
        if !admitted {
            return Answer::own(Own::Busy, guard, id, head);
        }

        let mut exceeded = None;
        let (parts, body) = request.into_parts();
        let body = if body.is_end_stream() {
            // Not boxed: most requests have none.
            Body::empty()
        } else {
            let row = (self.protocol == Protocol::Http1).then(|| self.row.clone());
            // Of a call, each message has its limit, which the service's own decoder holds; a stream of them has none.
            let bytes_max = if guard.is_call() { None } else { self.routes().body_bytes_max(guard.route()) };
            match bounded(body, bytes_max, row, &mut exceeded) {
                Ok(body) => body,
                Err(TooLarge) => return Answer::own(Own::TooLarge, guard, id, head),
            }
        };
        let request = Request::from_parts(parts, body);
        // No handler runs before the first poll, which is where a panic is caught.
        let routed = match &mut *self.calls.borrow_mut() {
            Some(calls) if guard.is_call() => tower::Service::<Request<Body>>::call(calls, request),
            _ => tower::Service::<Request<Body>>::call(&mut *self.router.borrow_mut(), request),
        };
        Answer::routed(routed, guard, id, head, exceeded)
    }
}

/// Tells the observers.
#[cold]
fn began(request: Request<Incoming>, guard: &mut Guard) -> Request<Incoming> {
    let (mut parts, body) = request.into_parts();
    guard.began(&mut parts);
    Request::from_parts(parts, body)
}

/// The announced length is larger than the route's limit.
struct TooLarge;

/// A body that cannot exceed the route's limit. hyper holds one to its announced length; one without is counted.
fn bounded(
    body: Incoming,
    bytes_max: Option<BodyLimit>,
    row: Option<Arc<Row>>,
    exceeded: &mut Option<Arc<AtomicBool>>,
) -> Result<Body, TooLarge> {
    let announced = body.size_hint().exact();
    let limit = match (bytes_max, announced) {
        (None, _) => None,
        (Some(limit), Some(length)) if length <= limit.bytes => None,
        (Some(limit), Some(_)) if limit.is_sure => return Err(TooLarge),
        (Some(limit), _) => Some(Limit { left: limit.bytes, exceeded: exceeded.insert(Arc::default()).clone() }),
    };
    Ok(Body::new(Received::new(body, limit, row)))
}

/// RFC 9112, 3.2: an HTTP/1.1 request has exactly one Host, without what no host can have. Proxies on the way could
/// otherwise take it for another service's.
fn has_one_host(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            host.as_bytes().iter().all(|&byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:%[]".contains(&byte))
        }
        (None, _) => request.version() != Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}
