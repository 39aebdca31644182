//! `GET /bench/status/{code}`: answers with a status of the client's choice.

use crate::error::Error;
use crate::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// Answers with the status. Those without a body (1xx have no end, so they are not to be had; 204, 205, 304) have none.
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
        _ => (status, format!("status {code} was asked for")).into_response(),
    })
}
