//! `GET /openapi.json`: what this service understands, made from the handlers.

use crate::openapi::document;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<String> = LazyLock::new(|| serde_json::json!(document()).to_string());

/// The document.
pub async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}
