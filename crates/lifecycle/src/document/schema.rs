//! `docs/report.schema.json`, generated from the types of the document.
//!
//! `make docs` (LAMEDUCK_WRITE_DOCS=1) writes it again.

use super::Document;
use crate::{ConnectionState, Connections, Ledger, Outcome};
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

const COUNT: fn() -> Value = || json!({ "type": "integer", "minimum": 0 });

/// Totals by outcome: what [`Ledger`]'s `Serialize` writes.
impl JsonSchema for Ledger {
    fn schema_name() -> Cow<'static, str> {
        "Ledger".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let counts = ["started", "in_flight", "raced", "unserved"];
        let outcomes = Outcome::ALL.into_iter().map(Outcome::as_str);
        let mut properties: Map<String, Value> =
            counts.into_iter().chain(outcomes).map(|name| (name.to_owned(), COUNT())).collect();
        properties.insert("raced_expected".to_owned(), json!({ "type": "number", "minimum": 0 }));
        json_schema!({
            "description": "Requests since the start of the process: started = in_flight + the sum of the outcomes.",
            "type": "object",
            "properties": properties,
        })
    }
}

/// Open connections by state, closed ones by reason.
impl JsonSchema for Connections {
    fn schema_name() -> Cow<'static, str> {
        "Connections".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let states = ConnectionState::ALL.into_iter().map(ConnectionState::as_str);
        let mut properties: Map<String, Value> =
            std::iter::once("open").chain(states).map(|name| (name.to_owned(), COUNT())).collect();
        let closed = json!({
            "description": "Connections that have ended, by reason.",
            "type": "object",
            "propertyNames": generator.subschema_for::<crate::CloseReason>(),
            "additionalProperties": COUNT(),
        });
        properties.insert("closed".to_owned(), closed);
        json_schema!({
            "description": "Open connections, by state, and those that have ended.",
            "type": "object",
            "properties": properties,
        })
    }
}

/// The schema of the /drain document, the report file and the termination message.
fn schema() -> Value {
    let mut schema = schemars::generate::SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Document>();
    // The termination message leaves zeros, nulls and empty lists out, so nothing but the version is always there.
    RecursiveTransform(|schema: &mut Schema| {
        schema.remove("required");
    })
    .transform(&mut schema);
    schema.insert("title".to_owned(), json!("lameduck report"));
    schema.insert("required".to_owned(), json!(["version"]));
    let left_out = json!({
        "description": "Termination message only: parts that were shortened or left out to fit its size.",
        "type": "array",
        "items": { "type": "string" },
    });
    let mut value = schema.to_value();
    value["properties"]["left_out"] = left_out;
    value["properties"]["version"] = json!({ "const": super::DOCUMENT_VERSION });
    value
}

#[test]
fn generated_pages_the_schema_of_the_report_is_fresh() {
    let fresh = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/report.schema.json");
    if std::env::var_os("LAMEDUCK_WRITE_DOCS").is_some() {
        std::fs::write(&page, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(committed == fresh, "docs/report.schema.json is stale: run `make docs`");
}

/// The types that write themselves (ledger, connections) and the schema name the same keys.
#[test]
fn every_key_of_a_document_is_in_the_schema() {
    let schema = schema();
    let document = serde_json::to_value(super::tests::full()).unwrap();
    let mut missing = Vec::new();
    compare(&schema, &schema, &document, "", &mut missing);
    assert!(missing.is_empty(), "not in the schema: {missing:#?}");
    for (part, written) in [("ledger", &document["ledger"]), ("connections", &document["connections"])] {
        let declared = resolve(&schema, &schema["properties"][part])["properties"].as_object().unwrap();
        let absent: Vec<_> = declared.keys().filter(|key| written.get(key.as_str()).is_none()).collect();
        assert!(absent.is_empty(), "declared, but never written: {part}.{absent:?}");
    }
}

fn compare(root: &Value, schema: &Value, value: &Value, path: &str, missing: &mut Vec<String>) {
    let schema = resolve(root, schema);
    match value {
        Value::Object(object) => {
            for (key, below) in object {
                match schema["properties"].get(key).or(schema.get("additionalProperties")) {
                    Some(declared) => compare(root, declared, below, &format!("{path}.{key}"), missing),
                    None => missing.push(format!("{path}.{key}")),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                compare(root, &schema["items"], item, &format!("{path}[]"), missing);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Follows `$ref`, and the first of `anyOf` that is not null.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix('#')) {
        return resolve(root, root.pointer(name).unwrap());
    }
    match schema["anyOf"].as_array() {
        Some(any) => resolve(root, any.iter().find(|one| one["type"] != "null").unwrap()),
        None => schema,
    }
}
