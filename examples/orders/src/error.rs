//! The one error type of the service: what clients may see.

use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use lameduck_dependencies::sql::SqlError;

/// Why a request failed.
#[derive(Debug)]
pub enum Error {
    /// 400: the sentence says what was expected.
    BadRequest(String),
    /// 400, 413, 415 or 422: the body is not what the route takes.
    Body(JsonRejection),
    /// 404: the sentence says what there is not.
    NotFound(String),
    /// 503, or what else the database means.
    Database(SqlError),
    /// 500: the cause is logged.
    Internal(String),
}

impl From<SqlError> for Error {
    fn from(error: SqlError) -> Self {
        Self::Database(error)
    }
}

impl From<JsonRejection> for Error {
    fn from(rejection: JsonRejection) -> Self {
        Self::Body(rejection)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self {
            Self::BadRequest(sentence) => (StatusCode::BAD_REQUEST, sentence).into_response(),
            Self::Body(rejection) => (rejection.status(), rejection.body_text()).into_response(),
            Self::NotFound(sentence) => (StatusCode::NOT_FOUND, sentence).into_response(),
            Self::Database(error) => error.into_response(),
            Self::Internal(why) => {
                tracing::error!(error = why, "internal error: {why}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}
