//! Problem details (RFC 9457) for clients that accept `application/problem+json`. Others get the engine's JSON.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::json;

const PROBLEM: &str = "application/problem+json";
/// Longer texts are no sentences.
const SENTENCE_BYTES_MAX: usize = 1024;

/// A layer: gives errors the form that the client accepts.
pub async fn details(request: Request, next: Next) -> Response {
    let accepted = accepts(request.headers());
    let id = request.headers().get("x-request-id").cloned();
    let response = next.run(request).await;
    let status = response.status();
    if !accepted || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let is_text = response.headers().get(CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !is_text {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let text = to_bytes(body, SENTENCE_BYTES_MAX).await.unwrap_or_default();
    let mut problem = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
    });
    // What a failure of ours says is for the log.
    if status.is_client_error() && !text.is_empty() {
        problem["detail"] = String::from_utf8_lossy(&text).into();
    }
    if let Some(id) = id.as_ref().and_then(|id| id.to_str().ok()) {
        problem["request_id"] = id.into();
    }
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
    Response::from_parts(parts, Body::from(problem.to_string()))
}

fn accepts(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == PROBLEM))
}
