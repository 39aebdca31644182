//! A password that is read from a file, and read again when the file changes.

use lameduck::config::Secret;
use lameduck::{DependencyError, Reloaded, anyhow};
use std::path::PathBuf;
use std::sync::OnceLock;

/// The password of a dependency. What it is built from is not touched before [`current`](Self::current).
#[derive(Debug)]
pub(crate) struct Password {
    /// The key that names the file, and the file.
    source: Option<(String, PathBuf)>,
    followed: OnceLock<Reloaded<Secret<String>>>,
}

impl Password {
    /// None: the server asks for none, or the address has it.
    pub(crate) fn none() -> Self {
        Self { source: None, followed: OnceLock::new() }
    }

    /// That in a file; `key` is the key that names it.
    pub(crate) fn in_file(key: String, file: PathBuf) -> Self {
        Self { source: Some((key, file)), followed: OnceLock::new() }
    }

    /// The password now; `None` if there is no file. The first call begins to follow the file.
    ///
    /// # Errors
    /// If the file cannot be read the first time: it does not get better by itself.
    pub(crate) fn current(&self) -> Result<Option<Secret<String>>, DependencyError> {
        let Some((key, file)) = &self.source else { return Ok(None) };
        if let Some(followed) = self.followed.get() {
            return Ok(Some((*followed.get()).clone()));
        }
        let followed = Reloaded::follow(key, [file], |contents| parse(&contents[0]));
        let followed = followed.map_err(|error| DependencyError::permanent(format!("{error:#}")))?;
        Ok(Some((*self.followed.get_or_init(|| followed).get()).clone()))
    }

    /// The password in the file at this moment, if it can be read: for a server that has just refused the one before.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    pub(crate) fn at_once(&self) -> Option<Secret<String>> {
        let (_, file) = self.source.as_ref()?;
        parse(&std::fs::read(file).ok()?).ok()
    }
}

/// The first line; editors and `echo` leave a line break behind it.
fn parse(contents: &[u8]) -> anyhow::Result<Secret<String>> {
    let text = std::str::from_utf8(contents).map_err(|_| anyhow::anyhow!("a password must be UTF-8 text"))?;
    let password = text.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!password.is_empty(), "it is empty");
    anyhow::ensure!(!password.contains(['\r', '\n', '\0']), "it has more than one line");
    Ok(Secret::new(password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line_of_text() {
        for good in ["secret", "secret\n", "secret\r\n"] {
            assert_eq!(parse(good.as_bytes()).unwrap().expose(), "secret");
        }
        for wrong in [&b""[..], b"\n", b"two\nlines", b"\xff", b"a\0b"] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
