//! `GET /openapi.json`: the OpenAPI document, collected from the handlers.

use crate::error::ErrorBody;
use crate::routes::{account, ping, submit, update, user};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use std::sync::LazyLock;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi as Document, PathItem, Ref, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(title = "lameduck", description = "A service whose rolling restarts lose nothing."),
    paths(ping::ping, submit::submit, update::update, user::user, account::account),
    components(schemas(ErrorBody)),
    modifiers(&Keys, &CommonErrors),
)]
struct Api;

static DOCUMENT: LazyLock<String> = LazyLock::new(|| serde_json::json!(Api::openapi()).to_string());

// [repository
/// Without the bench routes: they are tools, not the interface.
// repository]
pub async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

/// How a client presents its key.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut Document) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document.components.get_or_insert_default().add_security_scheme("key", scheme);
    }
}

/// The errors that do not depend on the handler: those of extractors and of the server around all of them.
struct CommonErrors;

impl Modify for CommonErrors {
    fn modify(&self, document: &mut Document) {
        document.paths.paths.values_mut().flat_map(operations).for_each(|operation| {
            let mut errors =
                vec![("500", "Internal error."), ("503", "Overloaded or shutting down; retry after `Retry-After`.")];
            if operation.parameters.is_some() {
                errors.push(("400", "A parameter is missing or wrong."));
            }
            if operation.security.is_some() {
                errors.push(("401", "Missing or unknown API key."));
            }
            if operation.request_body.is_some() {
                errors.extend([
                    ("400", "The body is not valid JSON."),
                    ("413", "The body is too large."),
                    ("415", "`Content-Type` is not JSON."),
                    ("422", "The body is not a JSON object."),
                ]);
            }
            for (status, description) in errors {
                operation.responses.responses.entry(status.to_owned()).or_insert_with(|| error(description).into());
            }
        });
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.delete, &mut item.patch]
        .into_iter()
        .filter_map(Option::as_mut)
}

fn error(description: &str) -> Response {
    let content = Content::new(Some(Ref::from_schema_name("ErrorBody")));
    ResponseBuilder::new().description(description).content("application/json", content).build()
}
