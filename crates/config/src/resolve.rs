//! From what was written to values: each entry finds its key, is read, or becomes an error.

use crate::environment;
use crate::errors::{ConfigError, SHOWN_MAX};
use crate::key::{Key, Section, environment_name, is_name};
use crate::settings::{Setting, Values};
use crate::source::{Origin, Raw, Sources};
use crate::suggest;
use crate::tree::{self, Content, Node};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The most names that an operator may choose in one group.
const NAMES_MAX: usize = 64;

/// What a load amounts to before anybody asks whether it makes sense.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    pub(crate) values: Values,
    pub(crate) errors: Vec<ConfigError>,
    /// Keys that were set to something that cannot be read. Their value is the default.
    pub(crate) unread: BTreeSet<String>,
}

/// Reads `sources` by the declarations: defaults, then the file over them, then the environment over both.
pub(crate) fn resolve(sources: &Sources, sections: &[Section]) -> Resolved {
    let mut resolver = Resolver { sections, resolved: Resolved::default() };
    if let Some(file) = &sources.file {
        match tree::read(file) {
            Ok(entries) => resolver.walk(&Arc::from(file.name.as_str()), "", entries),
            Err(error) => resolver.resolved.errors.push(*error),
        }
    }
    // Sorted, so that the same errors are always told in the same order.
    let mut environment: Vec<_> =
        sources.environment.iter().filter_map(|(name, value)| Some((environment::path(name)?, name, value))).collect();
    environment.sort();
    for (path, name, value) in environment {
        resolver.take_variable(&path, name, value);
    }
    resolver.fill_defaults(&sources.defaults);
    resolver.resolved
}

struct Resolver<'a> {
    sections: &'a [Section],
    resolved: Resolved,
}

/// What stands at a path.
enum Place<'a> {
    Key(&'a Key),
    /// Keys lie below: these, by the next part of their path.
    Group(Vec<&'static str>),
    Unknown,
}

impl<'a> Resolver<'a> {
    fn keys(&self) -> impl Iterator<Item = &'a Key> + use<'a> {
        self.sections.iter().flat_map(|section| section.keys)
    }

    fn place(&self, path: &str) -> Place<'a> {
        if let Some(key) = self.keys().find(|key| key.covers(path)) {
            return Place::Key(key);
        }
        let mut below: Vec<_> = self.keys().filter_map(|key| below(key.path, path)).collect();
        below.dedup();
        if below.is_empty() { Place::Unknown } else { Place::Group(below) }
    }

    fn walk(&mut self, file: &Arc<str>, path: &str, entries: Vec<(String, Node)>) {
        for (name, node) in entries {
            let origin = Origin::File { name: Arc::clone(file), line: node.line };
            if name.contains('.') {
                // It would be taken for a step further down.
                let problem = "a key has no dots here: write its parts below each other".to_owned();
                self.error(ConfigError { key: Some(name), ..ConfigError::plain(origin, problem) });
                continue;
            }
            let path = if path.is_empty() { name } else { format!("{path}.{name}") };
            match node.content {
                Content::Map(entries) if matches!(self.place(&path), Place::Group(_)) => {
                    self.name(&path, &origin);
                    self.walk(file, &path, entries);
                }
                content @ (Content::Nothing | Content::Scalar(_) | Content::List(_) | Content::Map(_)) => {
                    self.take(&path, origin, &raw(content));
                }
            }
        }
    }

    fn take_variable(&mut self, path: &str, name: &str, value: &str) {
        let origin = Origin::Environment(name.to_owned());
        if environment_name(path) == name {
            self.take(path, origin, &Raw::Scalar(value.to_owned()));
        } else {
            let known = matches!(self.place(path), Place::Key(_));
            let suggestion = if known { Some(path.to_owned()) } else { suggest::path(path, self.sections) };
            self.error(ConfigError::unknown(origin, path, suggestion));
        }
    }

    /// One value for one path.
    fn take(&mut self, path: &str, origin: Origin, raw: &Raw) {
        match self.place(path) {
            Place::Key(key) if self.names_are_good(key, path, &origin) => self.set(key, path, origin, raw),
            Place::Key(_) => {}
            Place::Group(_) if matches!(raw, Raw::Nothing) => self.name(path, &origin),
            Place::Group(below) => {
                let suggestion = match (&origin, below.first()) {
                    (Origin::Environment(_), Some(first)) => Some(environment_name(&format!("{path}.{first}"))),
                    _ => None,
                };
                let problem = format!("expected keys below it: {}", listed(&below));
                self.error(ConfigError {
                    origin,
                    key: Some(path.to_owned()),
                    value: Some(raw.to_string()),
                    problem,
                    suggestion,
                });
            }
            Place::Unknown => {
                // What is missing in a group with an unknown key is probably what that key was meant to be.
                self.resolved.unread.extend(path.rsplit_once('.').map(|(group, _)| group.to_owned()));
                let environment = matches!(origin, Origin::Environment(_));
                // Nobody reads a suggestion for an error that is not shown.
                let shown = self.resolved.errors.len() < SHOWN_MAX;
                let suggestion = shown.then(|| suggest::path(path, self.sections)).flatten();
                let suggestion = suggestion.filter(|path| !environment || matches!(self.place(path), Place::Key(_)));
                self.error(ConfigError::unknown(origin, path, suggestion));
            }
        }
    }

    fn set(&mut self, key: &Key, path: &str, origin: Origin, raw: &Raw) {
        match key.kind.read(raw) {
            Ok(value) => {
                self.name(path, &origin);
                let setting = Setting { value, origin, secret: key.secret };
                self.resolved.values.settings.insert(path.to_owned(), setting);
            }
            Err(refusal) => {
                self.resolved.unread.insert(path.to_owned());
                self.name(path, &origin);
                self.error(ConfigError {
                    origin,
                    key: Some(path.to_owned()),
                    value: (!key.secret).then(|| raw.to_string()),
                    problem: format!("expected {}", refusal.expected),
                    suggestion: refusal.suggestion.filter(|_| !key.secret),
                });
            }
        }
    }

    /// Remembers the name that `path` has where its pattern has a `*`.
    fn name(&mut self, path: &str, origin: &Origin) {
        let Some((group, name)) = self.keys().find_map(|key| chosen(key.path, path)) else { return };
        if self.resolved.values.names(group).any(|known| known == name) {
            return;
        }
        if !is_name(name) {
            self.bad_name(path, origin);
        } else if self.resolved.values.names(group).count() == NAMES_MAX {
            let problem = format!("has more than {NAMES_MAX} entries");
            if !self.resolved.errors.iter().any(|known| known.problem == problem) {
                self.error(ConfigError { key: Some(group.to_owned()), ..ConfigError::plain(origin.clone(), problem) });
            }
        } else {
            self.resolved.values.names.entry(group.to_owned()).or_default().push((name.to_owned(), origin.clone()));
        }
    }

    fn names_are_good(&mut self, key: &Key, path: &str, origin: &Origin) -> bool {
        let good = chosen(key.path, path).is_none_or(|(_, name)| is_name(name));
        if !good {
            self.bad_name(path, origin);
        }
        good
    }

    fn bad_name(&mut self, path: &str, origin: &Origin) {
        let problem = "a name consists of a-z, 0-9 and single _, begins with a letter and ends without _";
        let error =
            ConfigError { key: Some(path.to_owned()), ..ConfigError::plain(origin.clone(), problem.to_owned()) };
        // The group and the keys below it would all say so.
        let same = |known: &ConfigError| {
            known.problem == error.problem && path.starts_with(known.key.as_deref().unwrap_or("-"))
        };
        if !self.resolved.errors.iter().any(same) {
            self.error(error);
        }
    }

    fn fill_defaults(&mut self, instead: &[(&'static str, String)]) {
        for key in self.keys() {
            let instead = instead.iter().find(|(path, _)| *path == key.path).map(|(_, default)| default.as_str());
            let Some(default) = instead.or(key.default) else { continue };
            let paths = match key.path.split_once(".*.") {
                None => vec![key.path.to_owned()],
                Some((group, rest)) => {
                    self.resolved.values.names(group).map(|name| format!("{group}.{name}.{rest}")).collect()
                }
            };
            for path in paths {
                if !self.resolved.values.settings.contains_key(&path) {
                    self.set(key, &path, Origin::Default, &Raw::Scalar(default.to_owned()));
                }
            }
        }
    }

    fn error(&mut self, error: ConfigError) {
        self.resolved.errors.push(error);
    }
}

/// The part of `pattern` right below `path`, if `path` is one of its groups.
fn below(pattern: &'static str, path: &str) -> Option<&'static str> {
    let mut parts = pattern.split('.');
    for their in path.split('.') {
        parts.next().filter(|mine| *mine == "*" || *mine == their)?;
    }
    parts.next()
}

/// The group and the name in it, if `path` reaches down to where `pattern` has its `*`.
fn chosen<'p>(pattern: &'static str, path: &'p str) -> Option<(&'static str, &'p str)> {
    let (group, _) = pattern.split_once(".*")?;
    let name = path.strip_prefix(group)?.strip_prefix('.')?.split('.').next()?;
    Some((group, name))
}

/// The first few of them, for a message.
fn listed(parts: &[&str]) -> String {
    const SHOWN_MAX: usize = 4;
    let shown: Vec<_> = parts.iter().take(SHOWN_MAX).map(|part| if *part == "*" { "NAME" } else { part }).collect();
    let more = parts.len().saturating_sub(SHOWN_MAX);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

fn raw(content: Content) -> Raw {
    match content {
        Content::Nothing => Raw::Nothing,
        Content::Scalar(text) => Raw::Scalar(text),
        Content::Map(_) => Raw::Group,
        Content::List(items) => {
            let texts: Option<Vec<_>> = items
                .into_iter()
                .map(|item| match item {
                    Content::Scalar(text) => Some(text),
                    Content::Nothing | Content::List(_) | Content::Map(_) => None,
                })
                .collect();
            texts.map_or(Raw::ListOfGroups, Raw::List)
        }
    }
}
