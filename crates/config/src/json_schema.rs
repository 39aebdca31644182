//! The keys as a JSON schema: for editors, and for charts that refuse a wrong key before a pod does.

use crate::Schema;
use crate::key::Key;
use crate::kind::Kind;
use serde_json::{Map, Value, json};

/// A duration as it may be written.
const DURATION: &str = r"([0-9]+(\.[0-9]+)?(h|ms|m|s|us))+";

/// A map of sections, each a map of its keys; no others are allowed.
///
/// # Guarantees
/// What the schema refuses, [`load`](crate::load) refuses. The reverse does not hold: forms of texts and ranges of
/// durations are checked by `load` alone.
pub fn json_schema(schema: &Schema) -> Value {
    let mut root = group();
    for section in &schema.sections {
        let top = &mut root["properties"][section.name];
        if top.is_null() {
            *top = group();
        }
        if !section.doc.is_empty() {
            top["description"] = json!(section.doc);
        }
        for key in section.keys {
            insert(&mut root, key);
        }
    }
    root
}

fn group() -> Value {
    json!({"type": "object", "additionalProperties": false, "properties": {}})
}

/// Puts a key where its path says.
fn insert(root: &mut Value, key: &Key) {
    let mut parts: Vec<_> = key.path.split('.').collect();
    let Some(last) = parts.pop() else { return };
    let mut at = root;
    for part in parts {
        at = if part == "*" {
            let any = &mut at["additionalProperties"];
            if !any.is_object() {
                *any = group();
            }
            any
        } else {
            let below = &mut at["properties"][part];
            if below.is_null() {
                *below = group();
            }
            below
        };
    }
    at["properties"][last] = value(key);
}

/// What a key takes. YAML reads a text such as `5` as a number: what stands there is taken as it was written.
fn value(key: &Key) -> Value {
    let scalar = json!(["string", "number", "boolean"]);
    let words = |words: &[&str]| -> Vec<Value> {
        let flags = words.iter().filter_map(|word| word.parse::<bool>().ok().map(Value::Bool));
        words.iter().map(|word| json!(word)).chain(flags).collect()
    };
    let mut value: Map<String, Value> = Map::new();
    match key.kind {
        Kind::Flag => {
            value.insert("enum".to_owned(), words(&["true", "false"]).into());
        }
        Kind::Count { min, max } => {
            value.insert("type".to_owned(), json!(["integer", "string"]));
            value.insert("minimum".to_owned(), json!(min));
            value.insert("maximum".to_owned(), json!(max));
            value.insert("pattern".to_owned(), json!("^[0-9]+$"));
        }
        Kind::Bytes { max, .. } => {
            value.insert("type".to_owned(), json!(["integer", "string"]));
            value.insert("maximum".to_owned(), json!(max));
        }
        Kind::Duration { words, .. } => {
            let words: String = words.iter().map(|word| format!("|{word}")).collect();
            value.insert("type".to_owned(), json!(["string", "integer"]));
            value.insert("maximum".to_owned(), json!(0));
            value.insert("pattern".to_owned(), json!(format!("^(0|{DURATION}{words})$")));
        }
        Kind::Word(known) => {
            value.insert("enum".to_owned(), words(known).into());
        }
        Kind::Address | Kind::Text(_) | Kind::TextWith(..) => {
            value.insert("type".to_owned(), scalar);
        }
        Kind::List(_) => {
            value.insert("type".to_owned(), json!(["array", "string"]));
            value.insert("items".to_owned(), json!({"type": scalar}));
        }
    }
    value.insert("description".to_owned(), json!(format!("{} ({})", key.doc, key.kind.expected())));
    Value::Object(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Prefixes;
    use crate::key::Section;

    #[test]
    fn keys_stand_below_their_sections_and_no_others_are_allowed() {
        const KEYS: &[Key] = &[
            Key::new("queue.max", Kind::Count { min: 1, max: 9 }, "5", "Most jobs."),
            Key::new("queue.wait", Kind::duration_or(&["auto"]), "auto", "Wait."),
            Key::new("queue.retry.mode", Kind::Word(&["true", "later"]), "later", "Retries."),
            Key::optional("queue.of.*.size", Kind::Flag, "Sizes."),
        ];
        let sections = vec![Section { name: "queue", doc: "Jobs.", keys: KEYS }];
        let schema = json_schema(&Schema { sections, shared: 0, prefixes: Prefixes::of("orders") });
        let queue = &schema["properties"]["queue"];
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(queue["additionalProperties"], false);
        assert_eq!(queue["properties"]["max"]["maximum"], 9);
        assert_eq!(queue["properties"]["wait"]["pattern"], format!("^(0|{DURATION}|auto)$"));
        assert_eq!(queue["properties"]["retry"]["properties"]["mode"]["enum"], json!(["true", "later", true]));
        assert_eq!(
            queue["properties"]["of"]["additionalProperties"]["properties"]["size"]["enum"].as_array().unwrap().len(),
            4
        );
    }
}
