//! A value that must not be shown.

use crate::value::{FromValue, Value};
use std::fmt;

/// A password, a token, a key. Whatever prints it, as text, for debugging or as JSON, shows `(not shown)`; only
/// [`expose`](Self::expose) returns it.
///
/// ```
/// use lameduck_config::Secret;
///
/// let password = Secret::new("hunter2".to_owned());
/// assert_eq!(format!("{password} {password:?}"), "(not shown) (not shown)");
/// assert_eq!(password.expose(), "hunter2");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Hides `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for its one use. What is returned is shown by whatever prints it.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

impl<T> serde::Serialize for Secret<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("(not shown)")
    }
}

impl<T: FromValue> FromValue for Secret<T> {
    fn from_value(value: &Value) -> Option<Self> {
        T::from_value(value).map(Self)
    }
}
