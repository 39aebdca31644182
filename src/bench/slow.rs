//! `GET /bench/slow?ms=` and `GET /bench/block?ms=`: respond late, politely or as a handler with a bug does.

use super::millis;
use crate::error::Error;
use crate::extract::Query;
use axum::Json;
use serde::{Deserialize, Serialize};

/// How late.
#[derive(Debug, Deserialize, Serialize)]
pub struct Slow {
    /// At most 60 000.
    pub ms: u64,
}

/// Responds after `ms` milliseconds with the same number.
///
/// # Errors
/// 400 above 60 000.
pub async fn slow(Query(slow): Query<Slow>) -> Result<Json<Slow>, Error> {
    tokio::time::sleep(millis(slow.ms)?).await;
    Ok(Json(slow))
}

/// Blocks the thread it runs on for `ms` milliseconds.
///
/// # Errors
/// 400 above 60 000.
#[expect(clippy::disallowed_methods, reason = "blocking is what this route is for")]
pub async fn block(Query(slow): Query<Slow>) -> Result<Json<Slow>, Error> {
    std::thread::sleep(millis(slow.ms)?);
    Ok(Json(slow))
}
