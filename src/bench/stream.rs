//! `GET /bench/stream?chunks=&interval_ms=&bytes=`: a body in pieces.

use super::millis;
use crate::error::Error;
use crate::extract::Query;
use axum::body::{Body, Bytes};
use futures_util::stream;
use serde::Deserialize;
use std::convert::Infallible;

const CHUNKS_MAX: u64 = 1_000_000;
const CHUNK_BYTES_MAX: usize = 1 << 20;

/// What to stream.
#[derive(Debug, Deserialize)]
pub struct Stream {
    /// Number of pieces, at most 1 000 000.
    #[serde(default = "ten")]
    chunks: u64,
    /// Time before each piece, at most 60 000.
    #[serde(default)]
    interval_ms: u64,
    /// Bytes per piece, at most 1 MiB.
    #[serde(default = "kibibyte")]
    bytes: usize,
}

fn ten() -> u64 {
    10
}

fn kibibyte() -> usize {
    1024
}

/// Streams the pieces. The request is in flight until the client has taken the last one.
///
/// # Errors
/// 400 above the limits.
pub async fn stream(Query(asked): Query<Stream>) -> Result<Body, Error> {
    let Stream { chunks, interval_ms, bytes } = asked;
    let interval = millis(interval_ms)?;
    if chunks > CHUNKS_MAX || bytes > CHUNK_BYTES_MAX {
        return Err(Error::BadRequest(format!("at most {CHUNKS_MAX} chunks of {CHUNK_BYTES_MAX} bytes")));
    }
    let piece = Bytes::from(vec![b'x'; bytes]);
    Ok(Body::from_stream(stream::unfold((0, piece), move |(sent, piece)| async move {
        if sent == chunks {
            return None;
        }
        if !interval.is_zero() {
            tokio::time::sleep(interval).await;
        }
        Some((Ok::<_, Infallible>(piece.clone()), (sent + 1, piece)))
    })))
}
