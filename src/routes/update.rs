//! `PUT /update/{id}`: stores an object under an id of the client's choice.

use crate::error::Error;
use crate::extract::{Object, Path};
use crate::store::{Store, Upsert};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

const ID_CHARS_MAX: usize = 128;

/// The response.
#[derive(Debug, Serialize, ToSchema)]
pub struct Updated {
    /// The id from the path.
    id: String,
    /// Whether the id was new.
    created: bool,
}

/// Stores an object under an id; doing it twice is the same as once.
///
/// # Errors
/// 400 for an id of more than 128 characters, 503 if the store is full, and what [`Object`] says.
#[utoipa::path(put, path = "/update/{id}",
    params(("id" = String, Path, description = "Where to store it.", min_length = 1, max_length = 128)),
    request_body(content = serde_json::Map<String, Value>, description = "Any JSON object."),
    responses((status = 200, description = "Stored.", body = Updated)),
)]
pub async fn update(
    State(store): State<Store>,
    Path(id): Path<String>,
    Object(object): Object,
) -> Result<Json<Updated>, Error> {
    let created = self::store(&store, &id, object)? == Upsert::Created;
    Ok(Json(Updated { id, created }))
}

/// Stores an object under an id.
///
/// # Errors
/// [`Error::BadRequest`] for an id that is empty or too long, [`Error::Full`] if the store is full.
pub fn store(store: &Store, id: &str, object: Map<String, Value>) -> Result<Upsert, Error> {
    if id.is_empty() {
        return Err(Error::BadRequest("the id must not be empty".to_owned()));
    }
    if id.chars().count() > ID_CHARS_MAX {
        return Err(Error::BadRequest(format!("the id is longer than {ID_CHARS_MAX} characters")));
    }
    store.upsert(id.to_owned(), Value::Object(object).to_string())
}
