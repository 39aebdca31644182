//! The admin port: probes, metrics, /drain and the status page, on the control thread. It answers while every work thread is
//! blocked, and to the very end. Its requests are not in the ledger.

mod drain;
mod listener;
mod probes;

pub(crate) use drain::DrainAccess;
pub(crate) use listener::serve;
pub(crate) use probes::readiness;

use crate::events::Events;
use crate::liveness::Heartbeat;
use crate::metrics;
use crate::observer::Observer;
use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use prometheus::Registry;

/// What the endpoints read, and the one way in.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) observer: Observer,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) registry: Registry,
    pub(crate) events: Events,
    pub(crate) access: DrainAccess,
}

/// The routes of the admin port.
pub(crate) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/livez", get(probes::livez))
        .route("/healthz", get(probes::livez))
        .route("/readyz", get(probes::readyz))
        .route("/startupz", get(probes::startupz))
        .route("/metrics", get(scrape))
        .route("/drain", get(drain::document).post(drain::begin))
        .with_state(admin)
}

async fn page() -> Html<&'static str> {
    Html(include_str!("admin/page.html"))
}

async fn scrape(State(admin): State<Admin>) -> Response {
    match metrics::text(&admin.registry) {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE), (CACHE_CONTROL, "no-store")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot encode metrics: {error}");
            (StatusCode::INTERNAL_SERVER_ERROR, "a metric of this service is malformed; see its log\n").into_response()
        }
    }
}
