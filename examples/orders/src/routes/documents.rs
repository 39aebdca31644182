//! `PUT /orders/{id}/document` and `GET`: streamed, never in memory as a whole.

use super::orders::no_order;
use crate::error::Error;
use crate::orders;
use crate::service;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

/// Stores the document of an order.
pub async fn put(State(state): State<service::State>, Path(id): Path<String>, body: Body) -> Result<StatusCode, Error> {
    // Also what makes the id fit to be a file's name: it is one of ours.
    orders::find(&state.database, &id).await?.ok_or_else(|| no_order(&id))?;
    let stored = state.documents.put(&id, body.into_data_stream()).await;
    stored.map_err(|error| Error::Internal(format!("document of order {id}: {error:#}")))?;
    Ok(StatusCode::NO_CONTENT)
}

/// The document of an order.
pub async fn get(State(state): State<service::State>, Path(id): Path<String>) -> Result<Response, Error> {
    orders::find(&state.database, &id).await?.ok_or_else(|| no_order(&id))?;
    let found = state.documents.get(&id).await;
    let found = found.map_err(|error| Error::Internal(format!("document of order {id}: {error}")))?;
    let (length, pieces) = found.ok_or_else(|| Error::NotFound(format!("order {id} has no document")))?;
    let headers = [(CONTENT_TYPE, "application/octet-stream".to_owned()), (CONTENT_LENGTH, length.to_string())];
    Ok((headers, Body::from_stream(pieces)).into_response())
}
