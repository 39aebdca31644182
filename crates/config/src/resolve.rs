//! From what was written to values: each entry finds its key, is read, or becomes an error.

use crate::Schema;
use crate::environment::Variable;
use crate::errors::{ConfigError, SHOWN_MAX};
use crate::key::{Key, is_name};
use crate::settings::{Setting, Values};
use crate::source::{Origin, Raw, Sources};
use crate::suggest;
use crate::tree::{self, Content, Node};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The most names that an operator may choose in one group.
const NAMES_MAX: usize = 64;

/// What was read, before it is checked whether the values go together.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    pub(crate) values: Values,
    pub(crate) errors: Vec<ConfigError>,
    /// Keys that were set to something that cannot be read. Their value is the default.
    pub(crate) unread: BTreeSet<String>,
    /// Variables that have no effect, but look as if they were meant to.
    pub(crate) warnings: Vec<ConfigError>,
}

/// Reads `sources` by the declarations: defaults, then the file over them, then the environment over both.
pub(crate) fn resolve(sources: &Sources, schema: &Schema) -> Resolved {
    let mut resolver = Resolver { schema, resolved: Resolved::default() };
    if let Some(file) = &sources.file {
        match tree::read(file) {
            Ok(entries) => resolver.walk(&Arc::from(file.name.as_str()), "", entries),
            Err(error) => resolver.resolved.errors.push(*error),
        }
    }
    // An empty variable counts as unset: templates leave them behind. Sorted, so that the same errors are always
    // reported in the same order, and the program's own prefix wins by coming last.
    let set = || sources.environment.iter().filter(|(_, value)| !value.is_empty());
    let mut variables: Vec<_> =
        set().filter_map(|(name, value)| Some((schema.prefixes.read(name)?, name, value))).collect();
    variables.sort();
    for (variable, name, value) in variables {
        resolver.take_variable(&variable, name, value);
    }
    for (name, _) in set() {
        resolver.warn_of_separator(name);
    }
    resolver.fill_defaults(&sources.defaults);
    resolver.resolved
}

struct Resolver<'a> {
    schema: &'a Schema,
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
        self.schema.sections.iter().flat_map(|section| section.keys)
    }

    fn place(&self, path: &str) -> Place<'a> {
        if let Some(key) = self.keys().find(|key| key.covers(path)) {
            return Place::Key(key);
        }
        let mut below_it: Vec<_> = Vec::new();
        for part in self.keys().filter_map(|key| below(key.path, path)) {
            if !below_it.contains(&part) {
                below_it.push(part);
            }
        }
        if below_it.is_empty() { Place::Unknown } else { Place::Group(below_it) }
    }

    fn walk(&mut self, file: &Arc<str>, path: &str, entries: Vec<(String, Node)>) {
        for (name, node) in entries {
            let origin = Origin::File { name: Arc::clone(file), line: node.line };
            if name.contains('.') {
                // It would be taken for a step further down.
                let problem = "nested keys must not contain dots: use indentation".to_owned();
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

    fn take_variable(&mut self, variable: &Variable, name: &str, value: &str) {
        let path = variable.path.as_str();
        let (origin, prefixes) = (Origin::Environment(name.to_owned()), &self.schema.prefixes);
        if prefixes.variable_like(name, path) != name {
            let known = matches!(self.place(path), Place::Key(_));
            let suggestion = if known { Some(path.to_owned()) } else { suggest::path(path, &self.schema.sections) };
            let suggestion = suggestion.map(|path| self.variable(name, &path));
            self.error(ConfigError::unknown(origin, path, suggestion));
        } else if !variable.own && !self.is_shared(path) && !matches!(self.place(path), Place::Unknown) {
            // The program has the key, but not under the prefix that others read, too.
            self.error(ConfigError::unknown(origin, path, Some(prefixes.variable(path))));
        } else {
            self.take(path, origin, &Raw::Scalar(value.to_owned()));
        }
    }

    /// The variable that sets `path`, with the prefix of `like` where it may have that.
    fn variable(&self, like: &str, path: &str) -> String {
        let prefixes = &self.schema.prefixes;
        if self.is_shared(path) { prefixes.variable_like(like, path) } else { prefixes.variable(path) }
    }

    /// Whether `path` is a key, or a group of keys, that is also read under the shared prefix.
    fn is_shared(&self, path: &str) -> bool {
        let keys = self.schema.sections[..self.schema.shared].iter().flat_map(|section| section.keys);
        keys.into_iter().any(|key| key.covers(path) || below(key.path, path).is_some())
    }

    /// Warns of a name that spells a key with a single `_` between its parts: it has no effect.
    fn warn_of_separator(&mut self, name: &str) {
        let Some(rest) = self.schema.prefixes.without_separator(name) else { return };
        // A name that an operator chooses could be anything, also what Kubernetes sets for a Service.
        let fixed = |key: &&Key| !key.path.contains('*') && key.path.replace('.', "_") == rest;
        let Some(key) = self.keys().find(fixed) else { return };
        let problem = "has no effect: the parts of a key are joined by two underscores".to_owned();
        let suggestion = Some(self.variable(name, key.path));
        let origin = Origin::Environment(name.to_owned());
        self.resolved.warnings.push(ConfigError { suggestion, ..ConfigError::plain(origin, problem) });
    }

    /// One value for one path.
    fn take(&mut self, path: &str, origin: Origin, raw: &Raw) {
        match self.place(path) {
            Place::Key(key) if self.names_are_good(key, path, &origin) => self.set(key, path, origin, raw),
            Place::Key(_) => {}
            Place::Group(_) if matches!(raw, Raw::Nothing) => self.name(path, &origin),
            Place::Group(below) => {
                let suggestion = match (&origin, below.first()) {
                    (Origin::Environment(name), Some(first)) => Some(self.variable(name, &format!("{path}.{first}"))),
                    _ => None,
                };
                let problem = format!("expected nested keys: {}", listed(&below));
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
                // An error that is not shown needs no suggestion.
                let shown = self.resolved.errors.len() < SHOWN_MAX;
                let suggestion = shown.then(|| suggest::path(path, &self.schema.sections)).flatten();
                let suggestion = match &origin {
                    Origin::Environment(name) => suggestion
                        .filter(|path| matches!(self.place(path), Place::Key(_)))
                        .map(|path| self.variable(name, &path)),
                    Origin::Default | Origin::File { .. } => suggestion,
                };
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
        let problem =
            "a name consists of a-z, 0-9 and single _; it must start with a letter and end with a letter or digit";
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
