//! `PUT /orders/{id}/document` and `GET`: streamed, never in memory as a whole.

use super::orders::no_order;
use crate::error::Error;
use crate::orders;
use crate::service::{DOCUMENT_BYTES_MAX, State as Shared};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use lameduck_dependencies::s3::PutOptions;

/// Stores the document of an order, in place of the one before. It is there as a whole or not at all.
pub async fn put(
    State(state): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Error> {
    orders::find(&state.database, &id).await?.ok_or_else(|| no_order(&id))?;
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let options = PutOptions { bytes_max: DOCUMENT_BYTES_MAX as u64, length, sha256: None };
    state.documents.put(&id, body.into_data_stream(), &options).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The document of an order.
pub async fn get(State(state): State<Shared>, Path(id): Path<String>) -> Result<Response, Error> {
    orders::find(&state.database, &id).await?.ok_or_else(|| no_order(&id))?;
    let document = state.documents.get(&id, None).await?;
    let headers = [(CONTENT_TYPE, "application/octet-stream".to_owned()), (CONTENT_LENGTH, document.size.to_string())];
    Ok((headers, Body::from_stream(document.into_stream())).into_response())
}
