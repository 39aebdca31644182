//! `GET /account`: whose key is this?

use crate::error::Error;
use crate::keys::Keys;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use lameduck::Reloaded;
use serde::Serialize;
use utoipa::ToSchema;

/// The response.
#[derive(Debug, Serialize, ToSchema)]
pub struct Account {
    /// The owner of the key.
    name: String,
}

/// Whose key is this?
///
/// # Errors
/// 401 without a known key.
#[utoipa::path(get, path = "/account", security(("key" = [])), responses(
    (status = 200, description = "The owner of the key.", body = Account),
))]
pub async fn account(State(keys): State<Reloaded<Keys>>, headers: HeaderMap) -> Result<Json<Account>, Error> {
    let keys = keys.get();
    let owner = bearer(&headers).and_then(|key| keys.owner(key)).ok_or(Error::Unauthorized)?;
    Ok(Json(Account { name: owner.to_owned() }))
}

/// The key in `Authorization: Bearer KEY`; the scheme's name may be in any case (RFC 9110 11.1).
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.as_bytes().split_first_chunk::<7>()?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
}
