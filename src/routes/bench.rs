//! The test bench, with `bench.enabled` only: routes that are slow, long, large, broken or stuck on purpose.

pub mod block;
pub mod panic;
pub mod slow;
pub mod status;
pub mod stream;
pub mod upload;

use crate::error::Error;
use axum::routing::{get, post};
use lameduck::{App, RouteOptions};
use std::time::Duration;

/// Longest wait that a bench route may be asked for.
const MS_MAX: u64 = 60_000;

/// For routes that may be asked to wait for [`MS_MAX`].
const PATIENT: RouteOptions = RouteOptions { request_timeout: Some(Duration::from_secs(90)), body_bytes: None };

/// For an upload, however slow the client is, within reason.
const LARGE: RouteOptions =
    RouteOptions { request_timeout: Some(Duration::from_secs(300)), body_bytes: Some(upload::BODY_BYTES_MAX) };

/// Adds the bench routes.
pub fn add(app: App) -> App {
    app.route_with("/bench/slow", get(slow::slow), PATIENT)
        .route_with("/bench/stream", get(stream::stream), PATIENT)
        .route_with("/bench/upload", post(upload::upload), LARGE)
        .route("/bench/panic", get(panic::panic))
        .route("/bench/status/{code}", get(status::status))
        .route_with("/bench/block", get(block::block), PATIENT)
}

/// A wait from a query.
fn millis(ms: u64) -> Result<Duration, Error> {
    if ms > MS_MAX {
        return Err(Error::BadRequest(format!("at most {MS_MAX} ms")));
    }
    Ok(Duration::from_millis(ms))
}
