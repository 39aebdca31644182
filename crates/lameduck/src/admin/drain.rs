//! /drain: the document to read, and the order to leave.

use super::Admin;
use super::access::Allowed;
use crate::events::Events;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use lameduck_lifecycle::Event;

/// `GET /drain`.
pub(super) async fn document(State(admin): State<Admin>) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(admin.observer.document())).into_response()
}

/// `POST /drain`: 202 with the document once leaving has begun. A further call changes nothing and answers the same.
pub(super) async fn begin(State(admin): State<Admin>, Allowed(peer): Allowed) -> Response {
    tracing::info!(%peer, "drain requested by {peer}");
    leave(&admin.events, admin.observer.shared.view.clone()).await;
    (StatusCode::ACCEPTED, [(CACHE_CONTROL, "no-store")], Json(admin.observer.document())).into_response()
}

/// Asks the driver, and waits until it has taken it.
async fn leave(events: &Events, mut view: tokio::sync::watch::Receiver<crate::events::PhaseView>) {
    events.send(Event::LeaveAsked).await;
    let _ = view.wait_for(crate::events::PhaseView::is_leaving).await;
}
