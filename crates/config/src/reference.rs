//! The documentation of every key, from its declaration.

use crate::Schema;
use crate::effective::effective;
use crate::environment::Prefixes;
use crate::key::Key;
use crate::resolve::resolve;
use crate::source::Sources;
use std::fmt::Write as _;

/// Markdown: each section with its keys, then a file with every default.
pub fn reference(schema: &Schema) -> String {
    let Schema { sections, prefixes, .. } = schema;
    let mut text = String::new();
    for (index, section) in sections.iter().enumerate() {
        if sections[..index].iter().any(|earlier| earlier.name == section.name) {
            continue;
        }
        let _ = write!(text, "\n## `{}`\n", section.name);
        let same: Vec<_> = sections.iter().filter(|other| other.name == section.name).collect();
        for part in same.iter().filter(|part| !part.doc.is_empty()) {
            let _ = write!(text, "\n{}\n", part.doc);
        }
        let keys: Vec<&Key> = same.iter().flat_map(|part| part.keys).collect();
        for (index, key) in keys.iter().enumerate() {
            // Parts of a section may share a key: kinds of dependencies do.
            if !keys[..index].iter().any(|earlier| earlier.path == key.path) {
                describe(&mut text, key, prefixes);
            }
        }
    }
    text.push_str("\n## All defaults\n\n```yaml\n");
    let defaults = resolve(&Sources::default(), schema).values;
    for line in effective(&defaults, sections) {
        let _ = writeln!(text, "{}", line.yaml);
    }
    text.push_str("```\n");
    text
}

/// Markdown: a table of these keys, each with its default and the first sentence of what it means.
///
/// # Panics
/// If one of them is not declared: a slip in the program.
pub fn key_table(schema: &Schema, paths: &[&str]) -> String {
    let mut text = "| key | default | |\n|---|---|---|\n".to_owned();
    let keys = schema.sections.iter().flat_map(|section| section.keys);
    for path in paths {
        let key = keys.clone().find(|key| key.path == *path).unwrap_or_else(|| panic!("{path} is not declared"));
        let anchor: String = path.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let meaning = key.doc.split_inclusive(". ").next().unwrap_or(key.doc).trim_end();
        let _ = writeln!(text, "| [`{path}`](#{anchor}) | {} | {meaning} |", default(key));
    }
    text
}

fn default(key: &Key) -> String {
    match key.default {
        None => "not set".to_owned(),
        Some("") => "empty".to_owned(),
        Some(default) => format!("`{default}`"),
    }
}

fn describe(text: &mut String, key: &Key, prefixes: &Prefixes) {
    let path = key.path.replace('*', "NAME");
    let _ = write!(text, "\n### `{path}`\n\n{}", key.doc);
    if !key.why.is_empty() {
        let _ = write!(text, " {}", key.why);
    }
    let _ = write!(
        text,
        "\n\n- Value: {}\n- Default: {}\n- Environment: `{}`\n",
        key.kind.expected(),
        default(key),
        prefixes.variable(&path)
    );
    if key.secret {
        text.push_str("- Never shown by `check`, in errors or in logs.\n");
    }
}
