//! `GET /user`: greets a user.

use crate::error::Error;
use crate::extract::Query;
use serde::Deserialize;
use utoipa::IntoParams;

const NAME_CHARS_MAX: usize = 128;

/// Who is to be greeted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Who {
    /// The name; `anonymous` if it is left out or empty.
    #[serde(default)]
    #[param(max_length = 128)]
    name: String,
    /// The id.
    #[param(min_length = 1, max_length = 128)]
    id: String,
}

/// Greets a user.
///
/// # Errors
/// 400 if the id is missing or empty, or one of the two is longer than 128 characters.
#[utoipa::path(get, path = "/user", params(Who), responses(
    (status = 200, description = "The greeting.", body = String, content_type = "text/plain"),
))]
pub async fn user(Query(who): Query<Who>) -> Result<String, Error> {
    greet(&who.name, &who.id)
}

/// The greeting.
///
/// # Errors
/// [`Error::BadRequest`] if the id is empty, or one of the two is too long.
pub fn greet(name: &str, id: &str) -> Result<String, Error> {
    if id.is_empty() {
        return Err(Error::BadRequest("the id must not be empty".to_owned()));
    }
    for (what, value) in [("name", name), ("id", id)] {
        if value.chars().count() > NAME_CHARS_MAX {
            return Err(Error::BadRequest(format!("the {what} is longer than {NAME_CHARS_MAX} characters")));
        }
    }
    let name = if name.is_empty() { "anonymous" } else { name };
    Ok(format!("Hello {name} (ID: {id})"))
}
