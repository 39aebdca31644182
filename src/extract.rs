//! Extractors whose rejections use our own messages: axum's would show names of our types.

use crate::error::Error;
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value}; // [sample]

/// The JSON body as `T`.
///
/// 415 without a JSON content type, 413 above the limit, 400 if it is not JSON, 422 if it is JSON but does not fit `T`.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let Json(body) = Json::<T>::from_request(request, state).await.map_err(|rejection| body_error(&rejection))?;
        Ok(Self(body))
    }
}

// [sample
/// Any JSON object as the body. As [`Body`], with 422 for JSON that is not an object.
#[derive(Debug)]
pub struct Object(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Object {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        match Body::<Value>::from_request(request, state).await? {
            Body(Value::Object(object)) => Ok(Self(object)),
            Body(_) => Err(Error::Unprocessable("the body must be a JSON object".to_owned())),
        }
    }
}
// sample]

fn body_error(rejection: &JsonRejection) -> Error {
    match (rejection, rejection.status()) {
        (_, StatusCode::UNSUPPORTED_MEDIA_TYPE) => Error::NotJson,
        (_, StatusCode::PAYLOAD_TOO_LARGE) => Error::TooLarge,
        (JsonRejection::JsonSyntaxError(_), _) => {
            Error::BadRequest(format!("the body is not valid JSON{}", position(rejection)))
        }
        (JsonRejection::JsonDataError(_), _) => {
            Error::Unprocessable(format!("the body does not fit: {}", innermost(rejection)))
        }
        _ => Error::BadRequest("the body could not be read to its end".to_owned()),
    }
}

/// Where the JSON breaks, as far as the parser says.
fn position(rejection: &JsonRejection) -> String {
    let mut source = std::error::Error::source(rejection);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<serde_json::Error>() {
            return format!(", line {} column {}", error.line(), error.column());
        }
        source = error.source();
    }
    String::new()
}

/// The query string as `T`; 400 if it does not fit.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        axum::extract::Query::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|rejection: QueryRejection| {
                Error::BadRequest(format!("the query is wrong: {}", innermost(&rejection)))
            })
    }
}

/// The variable part of the path as `T`; 400 if it does not fit.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        axum::extract::Path::from_request_parts(parts, state).await.map(|axum::extract::Path(path)| Self(path)).map_err(
            |rejection: PathRejection| Error::BadRequest(format!("the path is wrong: {}", innermost(&rejection))),
        )
    }
}

/// The last cause says what is wrong with the value; the outer ones name our types.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
