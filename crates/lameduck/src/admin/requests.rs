//! /requests: the requests in flight, one by one. /recent: how those of the last minutes went.

use super::Admin;
use super::access::Allowed;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use lameduck_lifecycle::{Kind, Protocol, WaitsFor};
use lameduck_server::InFlight;
use serde::Serialize;
use std::net::SocketAddr;

/// Requests in one answer.
const LISTED_MAX: usize = 256;

/// The answer of `GET /requests`.
#[derive(Serialize)]
struct Listed {
    /// Oldest first.
    requests: Vec<Request>,
    /// How many more are in flight.
    more: u64,
}

/// A request in flight. Words of closed sets for programs, `text` for people.
#[derive(Serialize)]
struct Request {
    request_id: Option<String>,
    trace_id: Option<String>,
    method: &'static str,
    route: Option<String>,
    age_ms: u64,
    waits_for: WaitsFor,
    text: &'static str,
    peer: SocketAddr,
    connection: u64,
    listener: &'static str,
    protocol: Protocol,
    kind: Kind,
}

impl From<InFlight> for Request {
    fn from(request: InFlight) -> Self {
        Self {
            request_id: request.request_id,
            trace_id: request.trace_id,
            method: request.method,
            route: request.route.as_deref().map(str::to_owned),
            age_ms: request.age.as_millis() as u64,
            waits_for: request.waits_for,
            text: request.waits_for.sentence(),
            peer: request.peer,
            connection: request.connection,
            listener: request.listener,
            protocol: request.protocol,
            kind: request.kind,
        }
    }
}

/// `GET /requests`: under the rule of `admin.drain`.
pub(super) async fn list(State(admin): State<Admin>, _: Allowed) -> Response {
    let (requests, more) = admin.observer.server.in_flight(LISTED_MAX);
    let listed = Listed { requests: requests.into_iter().map(Request::from).collect(), more };
    ([(CACHE_CONTROL, "no-store")], Json(listed)).into_response()
}

/// `GET /recent`: no more than /metrics says, so for everybody.
pub(super) async fn recent(State(admin): State<Admin>) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(admin.recent.document())).into_response()
}
