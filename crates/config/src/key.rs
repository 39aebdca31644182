//! The declaration of a key: the one place that says what it is called, takes, defaults to and means.

use crate::kind::Kind;

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its path, joined by dots. A `*` stands for a name that the operator chooses: `dependencies.*.tcp`.
    pub path: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What it is when nobody sets it, as one would write it. `None` only below a `*`: the key is then absent. With a
    /// default below a `*`, every name has the key.
    pub default: Option<&'static str>,
    /// What it means: one sentence or two.
    pub doc: &'static str,
    /// Why the default is what it is, or when to change it. May be empty.
    pub why: &'static str,
    /// Whether its value must never be shown.
    pub secret: bool,
}

impl Key {
    /// A key with a default.
    pub const fn new(path: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Self {
        Self { path, kind, default: Some(default), doc, why: "", secret: false }
    }

    /// A key that may be absent. Only below a `*`.
    pub const fn optional(path: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { path, kind, default: None, doc, why: "", secret: false }
    }

    /// Says why the default is what it is.
    pub const fn why(mut self, why: &'static str) -> Self {
        self.why = why;
        self
    }

    /// Keeps its value out of errors, `check` and logs.
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Whether this declaration covers `path`.
    pub(crate) fn covers(&self, path: &str) -> bool {
        let mut theirs = path.split('.');
        self.path.split('.').all(|mine| theirs.next().is_some_and(|their| mine == "*" || mine == their))
            && theirs.next().is_none()
    }
}

/// Keys that belong together: a part of the engine, or of a service.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// The first part of the path of its keys.
    pub name: &'static str,
    /// What it is about: one sentence.
    pub doc: &'static str,
    /// Its keys, in the order in which they are shown.
    pub keys: &'static [Key],
}

/// Whether an operator may call something so: `[a-z][a-z0-9_]*` without `__`, and not ending in `_`, so that the name
/// can be told apart in an environment variable.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && !text.contains("__")
        && !text.ends_with('_')
        && text.len() <= 63
}
