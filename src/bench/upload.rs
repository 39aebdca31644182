//! `POST /bench/upload`: reads a body of up to 64 MiB and counts it.

use crate::error::Error;
use axum::Json;
use axum::body::Body;
use futures_util::StreamExt;
use serde::Serialize;

/// The route's own limit.
pub const BODY_BYTES_MAX: usize = 64 << 20;

/// The response.
#[derive(Debug, Serialize)]
pub struct Uploaded {
    /// Bytes received.
    bytes: usize,
}

/// Reads the whole body and discards it, chunk by chunk.
///
/// # Errors
/// 413 above 64 MiB, 400 if the client stops in the middle.
pub async fn upload(body: Body) -> Result<Json<Uploaded>, Error> {
    let mut chunks = body.into_data_stream();
    let mut bytes = 0;
    while let Some(chunk) = chunks.next().await {
        bytes += chunk.map_err(|_| Error::BadRequest("the body could not be read to its end".to_owned()))?.len();
        if bytes > BODY_BYTES_MAX {
            return Err(Error::TooLarge);
        }
    }
    Ok(Json(Uploaded { bytes }))
}
