//! `GET /customers/{id}/total`.

use crate::error::Error;
use crate::projection::{Projection, Total};
use crate::service;
use axum::Json;
use axum::extract::{Path, State};

/// What a customer has ordered so far: a moment behind the orders.
pub async fn total(State(state): State<service::State>, Path(id): Path<String>) -> Result<Json<Total>, Error> {
    Ok(Json(Projection::new(&state.database).total(&id).await?))
}
