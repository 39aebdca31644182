//! The one error type of the service: what clients may see.
//!
//! A handler returns it, the engine turns it into `{"error": sentence, "request_id": …}`. Internal causes are logged
//! where they happen; they do not fit into these variants.

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use lameduck::Rejected;
use serde::Serialize; // [sample]
use utoipa::ToSchema; // [sample]

/// Seconds after which a rejected client may retry.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

// [sample
/// Every error response has this body.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What was wrong, in a sentence.
    pub error: String,
    /// The `x-request-id` of the response: quote it when asking for help.
    pub request_id: String,
}
// sample]

/// Why a request failed.
#[derive(Debug, PartialEq, Eq)]
pub enum Error {
    /// 400: malformed; the sentence says what was expected.
    BadRequest(String),
    /// 401: no API key, or an unknown one.
    Unauthorized,
    /// 404: there is no such object; the sentence says which.
    NotFound(String),
    /// 409: the request contradicts the present state; the sentence says how.
    Conflict(String),
    /// 413: the body is longer than the limit.
    TooLarge,
    /// 415: `Content-Type` is not JSON.
    NotJson,
    /// 422: JSON, but not what this route accepts.
    Unprocessable(String),
    /// 429: the queue is full.
    QueueFull,
    /// 503: too many of these are stored.
    Full(&'static str),
}

impl Error {
    /// Its status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::QueueFull => StatusCode::TOO_MANY_REQUESTS,
            Self::Full(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BadRequest(sentence)
            | Self::NotFound(sentence)
            | Self::Conflict(sentence)
            | Self::Unprocessable(sentence) => f.write_str(sentence),
            Self::Unauthorized => f.write_str("missing or unknown API key: send `Authorization: Bearer KEY`"),
            Self::TooLarge => f.write_str("the body is too large"),
            Self::NotJson => f.write_str("the body must be JSON: send Content-Type: application/json"),
            Self::QueueFull => f.write_str("the queue is full, try again later"),
            Self::Full(what) => write!(f, "too many {what}, limit reached; try again later"),
        }
    }
}

impl std::error::Error for Error {}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.to_string()).into_response();
        match self {
            Self::Unauthorized => {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::QueueFull | Self::Full(_) => {
                response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
                response.extensions_mut().insert(Rejected);
            }
            Self::BadRequest(_)
            | Self::NotFound(_)
            | Self::Conflict(_)
            | Self::TooLarge
            | Self::NotJson
            | Self::Unprocessable(_) => {}
        }
        response
    }
}
