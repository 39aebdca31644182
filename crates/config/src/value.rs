//! A value that has been read and found good, and the way into the typed field.

use lameduck_support::{duration, size};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What a key was set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Count(u64),
    /// A number of bytes.
    Bytes(u64),
    /// A length of time.
    Duration(Duration),
    /// One word of a closed set.
    Word(&'static str),
    /// Where to listen.
    Address(SocketAddr),
    /// Text.
    Text(String),
    /// Texts.
    List(Vec<String>),
}

impl Value {
    /// The meaning of a word: for [`FromValue`] of an enum.
    pub fn one_of<T: Copy>(&self, known: &[(&str, T)]) -> Option<T> {
        let Self::Word(word) = self else { return None };
        known.iter().find(|(spelled, _)| spelled == word).map(|(_, meaning)| *meaning)
    }

    /// As YAML: reading it again yields the same value.
    pub fn to_yaml(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Count(count) => count.to_string(),
            Self::Bytes(bytes) => size::format(*bytes),
            Self::Duration(duration) => duration::format(*duration),
            Self::Word(word) => (*word).to_owned(),
            Self::Address(address @ SocketAddr::V4(_)) => address.to_string(),
            Self::Address(address @ SocketAddr::V6(_)) => format!("\"{address}\""),
            Self::Text(text) => quoted(text),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(|item| quoted(item)).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }
}

/// `text` as a YAML scalar: plain where every reader of YAML takes it as it stands, else in double quotes.
fn quoted(text: &str) -> String {
    const OTHER_THAN_TEXT: [&str; 10] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf"];
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/:=-".contains(&byte))
        && !text.ends_with(':')
        && !OTHER_THAN_TEXT.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { format!("\"{}\"", text.chars().map(escaped).collect::<String>()) }
}

/// What YAML or a terminal might take for more than a character goes by its number.
fn escaped(c: char) -> String {
    match c {
        '"' | '\\' => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        _ if c.is_alphanumeric() => c.to_string(),
        _ => format!("\\U{:08X}", u32::from(c)),
    }
}

/// A type that a field may have. Implement it for your own enums:
///
/// ```
/// use lameduck_config::{FromValue, Value};
/// #[derive(Clone, Copy)]
/// enum Mode { Fast, Careful }
/// impl FromValue for Mode {
///     fn from_value(value: &Value) -> Option<Self> {
///         value.one_of(&[("fast", Mode::Fast), ("careful", Mode::Careful)])
///     }
/// }
/// ```
pub trait FromValue: Sized {
    /// The value as this type; `None` if the key is declared as something else.
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! from_value {
    ($($type:ty: $pattern:pat => $value:expr;)+) => {$(
        impl FromValue for $type {
            fn from_value(value: &Value) -> Option<Self> {
                if let $pattern = value { $value } else { None }
            }
        }
    )+};
}

from_value! {
    bool: Value::Flag(flag) => Some(*flag);
    u64: Value::Count(number) | Value::Bytes(number) => Some(*number);
    u32: Value::Count(number) | Value::Bytes(number) => u32::try_from(*number).ok();
    usize: Value::Count(number) | Value::Bytes(number) => usize::try_from(*number).ok();
    Duration: Value::Duration(duration) => Some(*duration);
    SocketAddr: Value::Address(address) => Some(*address);
    String: Value::Text(text) => Some(text.clone());
    Vec<String>: Value::List(items) => Some(items.clone());
    Option<PathBuf>: Value::Text(text) => Some((!text.is_empty()).then(|| PathBuf::from(text)));
}
