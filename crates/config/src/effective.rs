//! The values of a load as YAML that yields them again, each with where it came from.

use crate::key::{Key, Section};
use crate::settings::{Setting, Values};
use crate::source::Origin;
use lameduck_support::url;
use std::fmt::Write as _;

/// Where the remarks begin.
const REMARK_COLUMN: usize = 40;

/// A line of the effective configuration, for whoever wants to colour it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveLine {
    /// Indented YAML.
    pub yaml: String,
    /// Where the value came from; `None` for a line without a value of its own.
    pub origin: Option<Origin>,
}

/// The effective configuration, line by line: every key of `sections` in their order. A section that occurs twice is
/// shown once. Secret values, and names and passwords in URLs, are not shown.
pub fn effective(values: &Values, sections: &[Section]) -> Vec<EffectiveLine> {
    let mut lines = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        if sections[..index].iter().any(|earlier| earlier.name == section.name) {
            continue;
        }
        let keys: Vec<&Key> =
            sections.iter().filter(|other| other.name == section.name).flat_map(|other| other.keys).collect();
        let mut shown: Vec<&str> = Vec::new();
        let paths = paths(&keys, values);
        if paths.is_empty() {
            lines.push(EffectiveLine { yaml: format!("{}: {{}}", section.name), origin: None });
        }
        for path in grouped(&paths) {
            if let Some(setting) = values.settings.get(path) {
                open_groups(path, &mut shown, &mut lines);
                lines.push(line(path, setting));
            }
        }
    }
    lines
}

impl std::fmt::Display for EffectiveLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.origin {
            None => f.write_str(&self.yaml),
            Some(origin) => write!(f, "{:REMARK_COLUMN$} # {origin}", self.yaml),
        }
    }
}

/// The paths that these keys have: one each, and where a name is free to choose, all of one name after all of the
/// other.
fn paths(keys: &[&Key], values: &Values) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for key in keys {
        let Some((group, _)) = key.path.split_once(".*.") else {
            paths.push(key.path.to_owned());
            continue;
        };
        let rests = keys.iter().filter_map(|key| key.path.strip_prefix(group)?.strip_prefix(".*."));
        let named =
            values.names(group).flat_map(|name| rests.clone().map(move |rest| format!("{group}.{name}.{rest}")));
        let new: Vec<_> = named.filter(|path| values.settings.contains_key(path) && !paths.contains(path)).collect();
        paths.extend(new);
    }
    paths
}

/// The same paths, those of one group together, in the order in which the groups first occur.
fn grouped(paths: &[String]) -> Vec<&str> {
    let group = |path: &str| path.rsplit_once('.').map_or(0, |(group, _)| group.len());
    let first = |path: &str| paths.iter().position(|other| other[..group(other)] == path[..group(path)]);
    let mut sorted: Vec<&str> = paths.iter().map(String::as_str).collect();
    sorted.sort_by_key(|path| first(path));
    sorted
}

/// Adds a line for each group above `path` that is not open yet.
fn open_groups<'p>(path: &'p str, open: &mut Vec<&'p str>, lines: &mut Vec<EffectiveLine>) {
    let parts: Vec<&str> = path.split('.').collect();
    let groups = &parts[..parts.len() - 1];
    let same = open.iter().zip(groups).take_while(|(open, group)| open == group).count();
    open.truncate(same);
    for group in &groups[same..] {
        lines.push(EffectiveLine { yaml: format!("{}{group}:", "  ".repeat(open.len())), origin: None });
        open.push(group);
    }
}

fn line(path: &str, setting: &Setting) -> EffectiveLine {
    let depth = path.matches('.').count();
    let name = path.rsplit('.').next().unwrap_or(path);
    let mut yaml = "  ".repeat(depth);
    let value = if setting.secret { "\"(not shown)\"".to_owned() } else { setting.value.to_yaml() };
    let _ = write!(yaml, "{name}: {}", url::without_passwords(&value));
    EffectiveLine { yaml, origin: Some(setting.origin.clone()) }
}
