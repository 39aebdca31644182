//! /log/level: the filter of the log, to read and to change.

use super::Admin;
use super::access::Allowed;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

/// `GET /log/level`.
pub(super) async fn show(State(admin): State<Admin>) -> Response {
    match &admin.observer.telemetry.log {
        Some(log) => Json(json!({ "level": log.level() })).into_response(),
        None => not_ours(),
    }
}

/// `PUT /log/level` with `{"level": "info,lameduck=debug"}`: under the rule of `admin.drain`.
pub(super) async fn change(State(admin): State<Admin>, Allowed(peer): Allowed, body: Bytes) -> Response {
    let Some(log) = &admin.observer.telemetry.log else { return not_ours() };
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        level: String,
    }
    let wanted: Wanted = match serde_json::from_slice(&body) {
        Ok(wanted) => wanted,
        Err(error) => {
            let expected = "expected {\"level\": \"info,lameduck=debug\"}";
            return refuse(StatusCode::BAD_REQUEST, &format!("{expected}: {error}"));
        }
    };
    let before = log.level();
    if let Err(error) = log.set_level(&wanted.level) {
        return refuse(StatusCode::BAD_REQUEST, &format!("level {:?}: {error}", wanted.level));
    }
    let now = log.level();
    // A warning, so that it is written at almost every level: the log is different from here on.
    tracing::warn!(%peer, before, now, "the level of the log was {before} and is now {now}");
    Json(json!({ "level": now })).into_response()
}

fn not_ours() -> Response {
    refuse(StatusCode::NOT_FOUND, "the program has set up its own log")
}

fn refuse(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({ "error": sentence }))).into_response()
}
