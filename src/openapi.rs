//! The OpenAPI document: collected from the handlers' own descriptions. `tests/it/openapi.rs` holds it against the service.

use crate::routes::{account, ping, submit, update, user};
use serde::Serialize;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi as Document, PathItem, Ref, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi, ToSchema};

#[derive(OpenApi)]
#[openapi(
    info(title = "lameduck", description = "A service whose rolling restarts lose nothing."),
    paths(ping::ping, submit::submit, update::update, user::user, account::account),
    components(schemas(ErrorBody)),
    modifiers(&Keys, &CommonErrors),
)]
struct Api;

/// The document, without the bench routes: they are tools, not the interface.
pub fn document() -> Document {
    Api::openapi()
}

/// Every error looks like this.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What was wrong, in a sentence.
    pub error: String,
    /// The `x-request-id` of the response, to be quoted when asking for help.
    pub request_id: String,
}

/// The way to give a key.
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
            let mut errors = vec![("500", "A defect of ours."), ("503", "Too busy, or too late; come back.")];
            if operation.parameters.is_some() {
                errors.push(("400", "A parameter is missing or wrong."));
            }
            if operation.security.is_some() {
                errors.push(("401", "No known key."));
            }
            if operation.request_body.is_some() {
                errors.extend([
                    ("400", "The body is not valid JSON."),
                    ("413", "The body is too large."),
                    ("415", "The body is not said to be JSON."),
                    ("422", "The body is JSON, but no object."),
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
