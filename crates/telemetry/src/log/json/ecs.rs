//! The Elastic Common Schema: what each field is called there, so that a log stack takes lines without a parser.
//!
//! A field that the schema does not know goes below `lameduck.` if it is the engine's, else below `app.`: on the top
//! level it could meet a field of the schema with another type, and the whole line would be refused.

use super::{Object, Scalar};
use crate::options::{ACCESS, Options};
use std::borrow::Cow;
use std::fmt::Result;

/// The version of the schema.
const VERSION: &str = "8.17.0";

/// What is the same in each line.
pub(super) fn service(object: &mut Object<'_>, options: &Options) -> Result {
    object.text("ecs.version", VERSION)?;
    object.text("service.name", &options.service)?;
    for (name, value) in [("service.version", &options.service_version), ("service.node.name", &options.instance)] {
        if !value.is_empty() {
            object.text(name, value)?;
        }
    }
    Ok(())
}

/// The name of a field that the schema does not know. A dotted name was chosen by the one who wrote the line.
pub(super) fn name<'a>(target: &str, field: &'a str) -> Cow<'a, str> {
    const TAKEN: [&str; 7] = [
        "@timestamp",
        "log.level",
        "log.logger",
        "ecs.version",
        "service.name",
        "service.version",
        "service.node.name",
    ];
    if field.contains('.') && !TAKEN.contains(&field) {
        return Cow::Borrowed(field);
    }
    let engine = target == "lameduck" || target.starts_with("lameduck_") || target.starts_with("lameduck::");
    Cow::Owned(format!("{}.{field}", if engine { "lameduck" } else { "app" }))
}

/// Writes one field.
pub(super) fn put(object: &mut Object<'_>, target: &str, field: &str, value: &Scalar<'_>) -> Result {
    if target == ACCESS && put_access(object, field, value)? {
        return Ok(());
    }
    match field {
        "message" => object.scalar("message", value),
        "error" => object.scalar("error.message", value),
        "request_id" => object.scalar("http.request.id", value),
        "trace_id" => object.scalar("trace.id", value),
        "span_id" => object.scalar("span.id", value),
        _ => object.scalar(&name(target, field), value),
    }
}

/// Writes a field of an access line under its name in the schema. Returns whether it has one.
fn put_access(object: &mut Object<'_>, field: &str, value: &Scalar<'_>) -> std::result::Result<bool, std::fmt::Error> {
    match (field, value) {
        ("method", _) => object.scalar("http.request.method", value)?,
        // 0: there was no response head.
        ("status", Scalar::Unsigned(0)) => {}
        ("status", _) => object.scalar("http.response.status_code", value)?,
        ("route", _) => object.scalar("http.route", value)?,
        ("peer", _) => object.scalar("client.address", value)?,
        ("duration_ms", Scalar::Float(milliseconds)) => object.raw("event.duration", (milliseconds * 1e6) as u64)?,
        ("protocol", Scalar::Debug(protocol)) => match format!("{protocol:?}").as_str() {
            "http1" => object.text("http.version", "1.1")?,
            "http2" => object.text("http.version", "2")?,
            _ => {}
        },
        _ => return Ok(false),
    }
    Ok(true)
}
