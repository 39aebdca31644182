//! A test bench, with `bench.enabled` only: routes that are slow, long, large, broken or stuck on purpose.
//!
//! The first thing to delete in a service of yours: this file, `bench/`, and the lines of `service.rs` and
//! `settings.rs` that name `bench`.

mod broken;
mod slow;
mod stream;
mod upload;

use crate::error::Error;
use axum::routing::{get, post};
use lameduck::config::{Key, Kind, Section};
use lameduck::{App, RouteOptions};
use serde_json::{Map, Value};
use std::time::Duration;

/// The configuration of the bench.
pub const SECTION: Section = Section {
    name: "bench",
    doc: "Tools for tests and measurements.",
    keys: &[Key::new("bench.enabled", Kind::Flag, "false", "Serve /bench/*: slow, long, broken and stuck on purpose.")
        .why("Any client that can reach these routes can tie up the service.")],
};

/// Longest wait that a client may ask for.
const MS_MAX: u64 = 60_000;

/// For routes that may be asked to wait for [`MS_MAX`].
const PATIENT: RouteOptions = RouteOptions { request_timeout: Some(Duration::from_secs(90)), body_bytes: None };

/// For uploads from slow clients.
const LARGE: RouteOptions =
    RouteOptions { request_timeout: Some(Duration::from_secs(300)), body_bytes: Some(upload::BODY_BYTES_MAX) };

/// Adds the bench routes.
pub fn add(app: App) -> App {
    app.route_with("/bench/slow", get(slow::slow), PATIENT)
        .route_with("/bench/stream", get(stream::stream), PATIENT)
        .route_with("/bench/upload", post(upload::upload), LARGE)
        .route("/bench/panic", get(broken::panic))
        .route("/bench/status/{code}", get(broken::status))
        .route_with("/bench/block", get(slow::block), PATIENT)
}

/// How long the work of a submitted object takes: `{"work_ms": 500}`.
pub fn work_time(object: &Map<String, Value>) -> Duration {
    Duration::from_millis(object.get("work_ms").and_then(Value::as_u64).unwrap_or(0).min(MS_MAX))
}

/// A wait from a query.
pub fn millis(ms: u64) -> Result<Duration, Error> {
    if ms > MS_MAX {
        return Err(Error::BadRequest(format!("at most {MS_MAX} ms")));
    }
    Ok(Duration::from_millis(ms))
}
