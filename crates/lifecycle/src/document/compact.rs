//! The compact form: what fits into a termination message, and what was left out of it.

use super::Document;
use serde_json::{Map, Value, json};

/// The kubelet keeps this much of a termination message.
pub const COMPACT_BYTES_MAX: usize = 4096;

/// Parts that give way to the limit, the least important first.
const GIVES_WAY: [&str; 8] = ["waits", "connections", "advice", "stragglers", "jobs", "failures", "phases", "cause"];

impl Document {
    /// One line of JSON of at most `bytes_max` bytes. What had to go is named in `left_out`.
    ///
    /// Zero counts, nulls and empty lists are left out without being named. Lists are shortened before they go.
    pub fn compact(&self, bytes_max: usize) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_else(|error| json!({ "error": error.to_string() }));
        prune(&mut value);
        let Value::Object(mut object) = value else { return String::new() };
        let mut left_out = Vec::new();
        for part in GIVES_WAY {
            loop {
                let line = line(&object, &left_out);
                if line.len() <= bytes_max {
                    return line;
                }
                if !halve(&mut object, part, &mut left_out) {
                    break;
                }
            }
        }
        let line = line(&object, &left_out);
        if line.len() <= bytes_max { line } else { format!(r#"{{"version":{}}}"#, self.version) }
    }
}

fn line(object: &Map<String, Value>, left_out: &[&str]) -> String {
    let mut object = object.clone();
    if !left_out.is_empty() {
        object.insert("left_out".to_owned(), json!(left_out));
    }
    Value::Object(object).to_string()
}

/// Drops the second half of a list (the younger stragglers, the later phases) or of the text of a cause, and at the end
/// the part itself; of a cause its kind stays. `false`: there was nothing left to drop.
fn halve(object: &mut Map<String, Value>, part: &'static str, left_out: &mut Vec<&'static str>) -> bool {
    let Some(value) = object.get_mut(part) else { return false };
    if let Value::Object(cause) = value
        && cause.contains_key("kind")
    {
        let Some(Value::String(text)) = cause.get_mut("text") else { return false };
        let end = (0..=text.len() / 2).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
        if text.is_empty() {
            cause.remove("text");
        }
    } else if let Value::Array(items) = value
        && items.len() > 1
    {
        items.truncate(items.len() / 2);
    } else {
        object.remove(part);
    }
    if !left_out.contains(&part) {
        left_out.push(part);
    }
    true
}

/// Takes out what says nothing: null, zero, empty, false.
fn prune(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(prune);
            object.retain(|key, value| key == "exit_code" || key == "version" || !says_nothing(value));
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(yes) => !yes,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
    }
}
