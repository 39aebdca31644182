//! `GET /bench/status/{code}` and `GET /bench/panic`: the status that the client asks for, and a handler with a bug.

use crate::error::Error;
use crate::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// Responds with the status; 204, 205 and 304 without a body. 1xx are refused: they do not end a request.
///
/// # Errors
/// 400 for anything but 200 to 599.
pub async fn status(Path(code): Path<u16>) -> Result<Response, Error> {
    let status = StatusCode::from_u16(code)
        .ok()
        .filter(|_| (200..600).contains(&code))
        .ok_or_else(|| Error::BadRequest("the status must be 200 to 599".to_owned()))?;
    Ok(match status {
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED => status.into_response(),
        _ => (status, format!("status {code} as requested")).into_response(),
    })
}

/// Panics. The client gets a 500 that does not mention it.
///
/// # Panics
/// Always.
pub async fn panic() {
    panic!("/bench/panic was requested");
}
