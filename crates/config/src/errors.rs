//! What is wrong with a configuration, in lines for the person who wrote it.

use crate::source::Origin;

/// The most errors that are shown: nobody mends more at once.
pub(super) const SHOWN_MAX: usize = 40;

/// One error, or one thing worth a second look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where it stands.
    pub origin: Origin,
    /// The key, unless the error is not about one.
    pub key: Option<String>,
    /// The value as it was written, quoted and shortened. `None` if there is none, or nobody may see it.
    pub value: Option<String>,
    /// What is wrong, and what was expected.
    pub problem: String,
    /// What was probably meant: a key, or a value.
    pub suggestion: Option<String>,
}

impl ConfigError {
    pub(crate) fn plain(origin: Origin, problem: String) -> Self {
        Self { origin, key: None, value: None, problem, suggestion: None }
    }

    pub(crate) fn unknown(origin: Origin, path: &str, suggestion: Option<String>) -> Self {
        Self { origin, key: Some(path.to_owned()), value: None, problem: "unknown key".to_owned(), suggestion }
    }
}

impl std::fmt::Display for ConfigError {
    /// `bootstrap.yaml:3: drain.delay = "5": expected a duration …; did you mean 5s?`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if let Some(key) = &self.key {
            // What an operator called a key may be anything: it must not draw a line of its own.
            let ordinary = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            let key = if !key.is_empty() && key.chars().all(ordinary) { key.clone() } else { format!("{key:?}") };
            f.write_str(&key)?;
            match &self.value {
                Some(value) => write!(f, " = {value}: ")?,
                None => f.write_str(": ")?,
            }
        }
        f.write_str(&self.problem)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; did you mean {suggestion}?"),
            None => Ok(()),
        }
    }
}

/// All errors of one load. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl std::fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.0.len();
        writeln!(f, "the configuration has {count} error{}:", if count == 1 { "" } else { "s" })?;
        for error in self.0.iter().take(SHOWN_MAX) {
            writeln!(f, "  {error}")?;
        }
        if count > SHOWN_MAX {
            writeln!(f, "  and {} more", count - SHOWN_MAX)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
