//! `GET /bench/block?ms=`: holds a work thread, as a handler with a bug does.

use super::millis;
use super::slow::Slow;
use crate::error::Error;
use crate::extract::Query;
use axum::Json;

/// Blocks the thread it runs on for so many milliseconds.
///
/// # Errors
/// 400 above 60000.
#[expect(clippy::disallowed_methods, reason = "blocking is what this route is for")]
pub async fn block(Query(block): Query<Slow>) -> Result<Json<Slow>, Error> {
    std::thread::sleep(millis(block.ms)?);
    Ok(Json(block))
}
