//! `POST /submit`: takes an object to be worked on later.

use crate::error::Error;
use crate::extract::Object;
use crate::workers::submit::Queue;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Accepted {
    /// By this id logs and the report speak of it.
    id: String,
}

/// Takes an object to be worked on later. 202 is a promise: it will be finished, or the exit report names it as lost.
///
/// # Errors
/// 429 if the queue is full, and what [`Object`] says.
#[utoipa::path(post, path = "/submit",
    request_body(content = serde_json::Map<String, Value>, description = "Any JSON object."),
    responses(
        (status = 202, description = "Accepted.", body = Accepted),
        (status = 429, description = "The queue is full; Retry-After says when to come back.", body = crate::openapi::ErrorBody),
    ),
)]
pub async fn submit(State(queue): State<Queue>, Object(object): Object) -> Result<(StatusCode, Json<Accepted>), Error> {
    let id = queue.push(object)?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { id })))
}
