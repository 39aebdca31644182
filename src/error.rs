//! The one error type of the service: what a client may be told.
//!
//! A handler returns it, the engine turns it into `{"error": sentence, "request_id": …}`. Causes that are our own business go
//! to the log where they happen; nothing internal fits into these variants.

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use lameduck::Rejected;

/// Seconds after which a client that was turned away may try again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// Why a request was not done.
#[derive(Debug, PartialEq, Eq)]
pub enum Error {
    /// 400: the request makes no sense; the sentence says what was expected.
    BadRequest(String),
    /// 401: no key, or none that we know.
    Unauthorized,
    /// 413: the body is longer than the limit.
    TooLarge,
    /// 415: the body is said to be something else than JSON.
    NotJson,
    /// 422: JSON, but not what this route takes.
    Unprocessable(String),
    /// 429: the queue is full.
    QueueFull,
    /// 503: there is no room left for more; the sentence says of what.
    Full(&'static str),
}

impl Error {
    /// Its status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
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
            Self::BadRequest(sentence) | Self::Unprocessable(sentence) => f.write_str(sentence),
            Self::Unauthorized => f.write_str("a key is needed: send Authorization: Bearer KEY"),
            Self::TooLarge => f.write_str("the body is too large"),
            Self::NotJson => f.write_str("the body must be JSON: send Content-Type: application/json"),
            Self::QueueFull => f.write_str("the queue is full, try again later"),
            Self::Full(what) => write!(f, "no room for more {what}"),
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
            Self::BadRequest(_) | Self::TooLarge | Self::NotJson | Self::Unprocessable(_) => {}
        }
        response
    }
}
