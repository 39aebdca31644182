//! `POST /submit`: accepts an object to be processed later.

use crate::error::Error;
use crate::extract::Object;
use crate::workers::Queue;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// The response.
#[derive(Debug, Serialize, ToSchema)]
pub struct Accepted {
    /// Id used in logs and in the report.
    id: String,
}

/// Accepts an object to be processed later. 202 is a promise: it will be finished, or the exit report names it as lost.
///
/// # Errors
/// 429 if the queue is full, and what [`Object`] says.
#[utoipa::path(post, path = "/submit",
    request_body(content = serde_json::Map<String, Value>, description = "Any JSON object."),
    responses(
        (status = 202, description = "Accepted.", body = Accepted),
        (status = 429, description = "The queue is full; retry after `Retry-After`.", body = crate::error::ErrorBody),
    ),
)]
pub async fn submit(State(queue): State<Queue>, Object(object): Object) -> Result<(StatusCode, Json<Accepted>), Error> {
    let id = queue.push(object)?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { id })))
}
