//! The OpenAPI document against the running service: it says all that is there, and what it says is so.

use crate::process::Service;
use lameduck_testing::{Response, request};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SERVICE_RS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/service.rs"));

/// A request for each operation, and the status that it must get.
const SAMPLES: [(&str, &str, &str, &str, u16); 10] = [
    ("get", "/ping", "/ping", "", 200),
    ("post", "/submit", "/submit", "{}", 202),
    ("post", "/submit", "/submit", "[]", 422),
    ("post", "/submit", "/submit", "{", 400),
    ("put", "/update/{id}", "/update/a", "{}", 200),
    ("put", "/update/{id}", "/update/a", "1", 422),
    ("get", "/user", "/user?id=1", "", 200),
    ("get", "/user", "/user", "", 400),
    ("get", "/account", "/account", "", 401),
    ("get", "/account", "/account?known", "", 200),
];

fn document(service: &Service) -> Value {
    let answer = service.get("/openapi.json");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    answer.json()
}

#[test]
fn every_route_of_the_service_is_described_and_nothing_else() {
    let service = crate::process::start(&[]);
    let document = document(&service);
    let described: BTreeSet<_> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let served: BTreeSet<_> = SERVICE_RS
        .split("route(\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        // OpenAPI has no words for streams.
        .filter(|path| !path.starts_with("/ws/") && !["/events", "/openapi.json"].contains(path))
        .filter(|path| !path.starts_with("/bench"))
        .collect();
    assert_eq!(described, served);
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn methods_that_are_not_described_are_405() {
    let service = crate::process::start(&[]);
    for (path, item) in document(&service)["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "a");
        for method in ["get", "post", "put", "delete", "patch"] {
            if item.get(method).is_none() {
                assert_eq!(
                    request(service.http, &method.to_uppercase(), &path, &[], b"").status,
                    405,
                    "{method} {path}"
                );
            }
        }
    }
}

/// Checks a value against the part of JSON schema that the document uses.
fn fits(document: &Value, schema: &Value, value: &Value) -> bool {
    if let Some(name) = schema["$ref"].as_str() {
        return fits(document, document.pointer(name.trim_start_matches('#')).unwrap(), value);
    }
    match schema["type"].as_str().unwrap() {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "object" => {
            let (properties, object) = (&schema["properties"], value.as_object().unwrap());
            schema["required"].as_array().unwrap().iter().all(|name| object.contains_key(name.as_str().unwrap()))
                && object
                    .iter()
                    .all(|(name, value)| properties.get(name).is_some_and(|schema| fits(document, schema, value)))
        }
        other => panic!("a schema of type {other}"),
    }
}

fn assert_described(document: &Value, operation: &Value, answer: &Response) {
    let described = &operation["responses"][answer.status.to_string()];
    let content = described["content"].as_object().unwrap_or_else(|| panic!("{} is not described", answer.status));
    let (kind, media) = content.iter().next().unwrap();
    assert!(answer.header("content-type").unwrap().starts_with(kind), "{answer:?}");
    let value = if kind == "application/json" { answer.json() } else { json!(answer.text()) };
    assert!(fits(document, &media["schema"], &value), "{value} is not what is described");
}

#[test]
fn answers_are_as_described() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("keys"), "ann 0123456789abcdef\n").unwrap();
    let service = crate::process::start(&[("AUTH__KEYS_FILE", folder.path().join("keys").to_str().unwrap())]);
    let document = document(&service);
    let mut seen = BTreeSet::new();
    for (method, path, target, body, status) in SAMPLES {
        let mut headers = vec![("content-type", "application/json")];
        if target.ends_with("?known") {
            headers.push(("authorization", "Bearer 0123456789abcdef"));
        }
        let answer = request(service.http, &method.to_uppercase(), target, &headers, body.as_bytes());
        assert_eq!(answer.status, status, "{method} {target}");
        assert_described(&document, &document["paths"][path][method], &answer);
        seen.insert((method, path));
    }
    let operations =
        document["paths"].as_object().unwrap().values().map(|item| item.as_object().unwrap().len()).sum::<usize>();
    assert_eq!(seen.len(), operations, "each operation has a sample");
}
