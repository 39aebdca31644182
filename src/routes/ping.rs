//! `GET /ping`: is anybody there?

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema; // [sample]

/// The message of the response.
pub const PONG: &str = "pong";

/// The response.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pong {
    /// Always `pong`.
    message: &'static str,
}

/// Is anybody there?
#[utoipa::path(get, path = "/ping", responses((status = 200, description = "Yes.", body = Pong)))] // [sample]
pub async fn ping() -> Json<Pong> {
    Json(Pong { message: PONG })
}
