//! The one error type of the service: what clients may see.

use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use lameduck_dependencies::s3::{ObjectError, PutError};
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
    /// 404, 503 or 500: the store of documents.
    Document(ObjectError),
    /// 413: a document is larger than allowed.
    DocumentTooLarge,
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

impl From<ObjectError> for Error {
    fn from(error: ObjectError) -> Self {
        Self::Document(error)
    }
}

impl<E: std::fmt::Display> From<PutError<E>> for Error {
    fn from(error: PutError<E>) -> Self {
        match error {
            PutError::Body(error) => Self::BadRequest(format!("the document broke off: {error}")),
            PutError::Length { expected, actual } => {
                Self::BadRequest(format!("the document has {actual} bytes, Content-Length says {expected}"))
            }
            PutError::TooLarge { .. } => Self::DocumentTooLarge,
            PutError::Digest => Self::BadRequest("the document is not what was announced".to_owned()),
            PutError::Store(error) => Self::Document(error),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self {
            Self::BadRequest(sentence) => (StatusCode::BAD_REQUEST, sentence).into_response(),
            Self::Body(rejection) => (rejection.status(), rejection.body_text()).into_response(),
            Self::NotFound(sentence) => (StatusCode::NOT_FOUND, sentence).into_response(),
            Self::Database(error) => error.into_response(),
            Self::DocumentTooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            Self::Document(ObjectError::NotFound) => (StatusCode::NOT_FOUND, "it has no document").into_response(),
            Self::Document(error @ (ObjectError::Unavailable(_) | ObjectError::TimedOut(_))) => {
                tracing::warn!(%error, "{error}");
                let sentence = "the documents cannot be reached in time, try again later";
                (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], sentence).into_response()
            }
            Self::Document(error) => {
                tracing::error!(%error, "{error}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}
