//! `GET /bench/slow?ms=`: answers later.

use super::millis;
use crate::error::Error;
use crate::extract::Query;
use axum::Json;
use serde::{Deserialize, Serialize};

/// How late.
#[derive(Debug, Deserialize, Serialize)]
pub struct Slow {
    /// To 60000.
    pub ms: u64,
}

/// Answers after so many milliseconds with the same number.
///
/// # Errors
/// 400 above 60000.
pub async fn slow(Query(slow): Query<Slow>) -> Result<Json<Slow>, Error> {
    tokio::time::sleep(millis(slow.ms)?).await;
    Ok(Json(slow))
}
