//! From hyper's request to hyper's response: guard, id, limits, the router, the notice. hyper is generic over this service, so
//! nothing here is boxed; what is rare is cold.

mod response;

pub(crate) use response::Answer;

use crate::app::{RouteTable, UNMATCHED, method_index};
use crate::body::{Limit, Received};
use crate::guard::{Begin, Guard};
use crate::request_id;
use crate::table::Row;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Method, Request, header};
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
    row: Arc<Row>,
    protocol: Protocol,
}

impl Service {
    pub(crate) fn new(router: Router, row: Arc<Row>, protocol: Protocol) -> Self {
        Self { router: RefCell::new(router), row, protocol }
    }

    fn routes(&self) -> &RouteTable {
        &self.row.routes
    }

    #[inline]
    fn begin(&self, request: &Request<Incoming>) -> (Guard, bool) {
        let http1 = self.protocol == Protocol::Http1;
        let begin = Begin {
            protocol: self.protocol,
            kind: if !http1 && is_grpc(request) { Kind::Grpc } else { Kind::Request },
            route: self.routes().find(request.uri().path()),
            method: method_index(request.method()),
            has_body: !request.body().is_end_stream(),
        };
        Guard::begin(&self.row, begin)
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
            match bounded(body, self.routes(), guard.route(), row, &mut exceeded) {
                Ok(body) => body,
                Err(TooLarge) => return Answer::own(Own::TooLarge, guard, id, head),
            }
        };
        let request = Request::from_parts(parts, body);
        // No handler runs before the first poll, which is where a panic is caught.
        let routed = tower::Service::<Request<Body>>::call(&mut *self.router.borrow_mut(), request);
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
    routes: &RouteTable,
    route: u16,
    row: Option<Arc<Row>>,
    exceeded: &mut Option<Arc<AtomicBool>>,
) -> Result<Body, TooLarge> {
    let body_bytes = routes.route(route).body_bytes;
    let fits = body.size_hint().exact().map(|length| length <= body_bytes);
    let limit = match fits {
        _ if body_bytes == u64::MAX => None,
        Some(true) => None,
        // A ready-made router says which route this is when it is called: then the reader finds out.
        Some(false) if route != UNMATCHED || !routes.has_foreign() => return Err(TooLarge),
        Some(false) | None => Some(Limit { left: body_bytes, exceeded: exceeded.insert(Arc::default()).clone() }),
    };
    Ok(Body::new(Received::new(body, limit, row)))
}

fn is_grpc(request: &Request<Incoming>) -> bool {
    request.method() == Method::POST
        && request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}
