//! Pages that are made from the code are as the code says.
//!
//! `make docs` (LAMEDUCK_WRITE_DOCS=1) writes them again.

use crate::process::command;
use serde_json::{Value, json};
use std::path::Path;

#[test]
fn the_page_of_the_configuration_is_fresh() {
    let output = command().arg("keys").output().expect("the binary starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let fresh = String::from_utf8(output.stdout).expect("it prints text");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    if std::env::var_os("LAMEDUCK_WRITE_DOCS").is_some() {
        std::fs::write(&page, &fresh).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(committed == fresh, "docs/configuration.md is stale: run `make docs`");
}

/// Sections that the chart writes itself, each with a sentence that says where its values go.
const OF_THE_CHART: [&str; 5] = ["service", "listen", "drain", "cluster", "traces"];

/// Sections of the sample; a service's own go to `extraConfig`. `bench` is both the sample's and the engine's.
const OF_THE_SAMPLE: [&str; 3] = ["auth", "jobs", "bench"];

/// What `config` takes, as a property of the chart's schema.
fn schema_of_config() -> String {
    let output = command().args(["keys", "--json-schema"]).output().expect("the binary starts");
    let mut schema: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    let sections = schema["properties"].as_object_mut().expect("an object");
    for section in OF_THE_CHART.iter().chain(&OF_THE_SAMPLE) {
        sections.insert((*section).to_owned(), json!({"type": "object"}));
    }
    // Kinds of dependencies are registered by services: which keys one takes is not known here.
    sections.insert("dependencies".to_owned(), json!({"type": "object", "additionalProperties": {"type": "object"}}));
    let text = format!("{schema:#}").replace('\n', "\n    ");
    format!("    \"config\": {text},\n")
}

#[test]
fn the_chart_refuses_a_key_that_the_engine_does_not_have() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("helm/lameduck/values.schema.json");
    let committed = std::fs::read_to_string(&page).expect("the schema is there");
    let start = committed.find("    \"config\": {\n").expect("it has config");
    let end = start + committed[start..].find("\n    },\n").expect("it ends") + "\n    },\n".len();
    let fresh = schema_of_config();
    if std::env::var_os("LAMEDUCK_WRITE_DOCS").is_some() {
        let text = format!("{}{fresh}{}", &committed[..start], &committed[end..]);
        std::fs::write(&page, text).expect("the schema can be written");
    } else {
        assert!(committed[start..end] == fresh, "helm/lameduck/values.schema.json is stale: run `make docs`");
    }
}
