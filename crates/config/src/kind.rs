//! What a key takes: one description, from which a value is read, refused with what was expected, and documented.

use crate::closest::closest;
use crate::source::Raw;
use crate::value::Value;
use lameduck_support::duration;
use lameduck_support::size::{self, parse_count};
use std::net::SocketAddr;
use std::time::Duration;

/// The longest duration that any key takes: nothing here waits longer, and sums of a few cannot overflow.
const DURATION_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// The most items of a list.
const LIST_ITEMS_MAX: usize = 64;
/// The most bytes of a text, or of an item of a list.
const TEXT_BYTES_MAX: usize = 4096;

/// What a [`Key`](super::Key) takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`, nothing else that YAML or a shell might take for one.
    Flag,
    /// A whole number.
    Count {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// `64KiB`, `1MiB`, `2GiB`, or a bare number of bytes.
    Bytes {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// `3s`, `250ms`, `1m30s`; or one of `words`.
    Duration {
        /// The smallest.
        min: Duration,
        /// The largest.
        max: Duration,
        /// What may stand in its place.
        words: &'static [&'static str],
    },
    /// One of these.
    Word(&'static [&'static str]),
    /// `IP:PORT`, to listen on.
    Address,
    /// Text of a form.
    Text(Form),
    /// Text of a form, with a guess at what was meant by text that is not.
    TextWith(Form, fn(&str) -> Option<String>),
    /// A list of texts of a form; in the environment separated by commas.
    List(Form),
}

/// What a text must look like.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// In words, for the error and the documentation: "a path, or empty for none".
    pub expected: &'static str,
    /// Whether it does.
    pub valid: fn(&str) -> bool,
}

/// Why a value was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) expected: String,
    pub(crate) suggestion: Option<String>,
}

// === impl Kind ===

impl Kind {
    /// Any duration up to a day, zero included.
    pub const DURATION: Self = Self::Duration { min: Duration::ZERO, max: DURATION_MAX, words: &[] };
    /// A duration up to a day that cannot be zero: a limit of nothing lets nothing through.
    pub const TIMEOUT: Self = Self::Duration { min: Duration::from_millis(1), max: DURATION_MAX, words: &[] };

    /// Any duration up to a day, or one of `words`.
    pub const fn duration_or(words: &'static [&'static str]) -> Self {
        Self::Duration { min: Duration::ZERO, max: DURATION_MAX, words }
    }

    /// What it takes, in words.
    pub fn expected(&self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Count { min, max } => format!("a whole number from {min} to {max}"),
            Self::Bytes { min, max } => {
                format!("a size from {} to {}, such as 64KiB or 1MiB", size::format(*min), size::format(*max))
            }
            Self::Duration { min, max, words } => {
                let words = if words.is_empty() { String::new() } else { format!("{} or ", words.join(", ")) };
                let (min, max) = (duration::format(*min), duration::format(*max));
                format!("{words}a duration with a unit from {min} to {max}, such as 3s, 250ms or 1m30s")
            }
            Self::Word(words) => match words.split_last() {
                Some((last, [])) => (*last).to_owned(),
                Some((last, first)) => format!("{} or {last}", first.join(", ")),
                None => String::new(),
            },
            Self::Address => "IP:PORT to listen on, such as 0.0.0.0:8080 or [::]:8080".to_owned(),
            Self::Text(form) | Self::TextWith(form, _) => form.expected.to_owned(),
            Self::List(form) => format!("a list, each {}", form.expected),
        }
    }

    /// The value that `text` stands for, if this kind takes it.
    pub fn parse(&self, text: &str) -> Option<Value> {
        self.read(&Raw::Scalar(text.to_owned())).ok()
    }

    /// Reads a value.
    pub(crate) fn read(&self, raw: &Raw) -> Result<Value, Refusal> {
        match (self, raw) {
            (Self::List(form), Raw::List(items)) => self.read_list(items.iter().map(String::as_str), *form),
            (Self::List(form), Raw::Scalar(text)) => {
                let items = text.split(',').map(str::trim).filter(|_| !text.trim().is_empty());
                self.read_list(items, *form)
            }
            (Self::List(_), Raw::Nothing) => Ok(Value::List(Vec::new())),
            (_, Raw::Scalar(text)) => self.read_scalar(text),
            (_, Raw::List(_) | Raw::Nothing | Raw::Group | Raw::ListOfGroups) => Err(self.refusal(None)),
        }
    }

    fn read_scalar(&self, text: &str) -> Result<Value, Refusal> {
        let value = match self {
            Self::Flag => match text {
                "true" => Some(Value::Flag(true)),
                "false" => Some(Value::Flag(false)),
                _ => None,
            },
            Self::Count { min, max } => {
                parse_count(text).filter(|count| min <= count && count <= max).map(Value::Count)
            }
            Self::Bytes { min, max } => {
                size::parse(text).filter(|bytes| min <= bytes && bytes <= max).map(Value::Bytes)
            }
            Self::Duration { min, max, words } => match words.iter().find(|word| **word == text) {
                Some(word) => Some(Value::Word(word)),
                None => {
                    duration::parse(text).filter(|duration| min <= duration && duration <= max).map(Value::Duration)
                }
            },
            Self::Word(words) => words.iter().find(|word| **word == text).map(|word| Value::Word(word)),
            Self::Address => text.parse::<SocketAddr>().ok().map(Value::Address),
            Self::Text(form) | Self::TextWith(form, _) => {
                (text.len() <= TEXT_BYTES_MAX && (form.valid)(text)).then(|| Value::Text(text.to_owned()))
            }
            Self::List(_) => None,
        };
        value.ok_or_else(|| self.refusal(Some(text)))
    }

    fn read_list<'a>(&self, items: impl Iterator<Item = &'a str>, form: Form) -> Result<Value, Refusal> {
        let mut list: Vec<String> = Vec::new();
        for item in items {
            if list.len() == LIST_ITEMS_MAX {
                return Err(Refusal { expected: format!("a list of at most {LIST_ITEMS_MAX}"), suggestion: None });
            }
            if item.len() > TEXT_BYTES_MAX || !(form.valid)(item) {
                let expected = format!("{}, but contains {item:?}", self.expected());
                return Err(Refusal { expected, suggestion: None });
            }
            if list.iter().any(|known| known == item) {
                let expected = format!("{}, but has {item:?} twice", self.expected());
                return Err(Refusal { expected, suggestion: None });
            }
            list.push(item.to_owned());
        }
        Ok(Value::List(list))
    }

    fn refusal(&self, text: Option<&str>) -> Refusal {
        Refusal { expected: self.expected(), suggestion: text.and_then(|text| self.suggestion(text)) }
    }

    /// What was probably meant; only ever something that this key takes.
    fn suggestion(&self, text: &str) -> Option<String> {
        let text = text.trim();
        let lower = text.to_ascii_lowercase();
        let guess = match self {
            Self::Flag => match lower.as_str() {
                "yes" | "on" | "1" | "true" | "enabled" => "true".to_owned(),
                "no" | "off" | "0" | "false" | "disabled" => "false".to_owned(),
                _ => return None,
            },
            Self::Bytes { .. } => lower.trim_end_matches("ib").trim_end_matches('b').trim_end().to_owned(),
            Self::Duration { words, .. } => match closest(&lower, words.iter().copied()) {
                Some(word) => word.to_owned(),
                None if parse_count(text).is_some() => format!("{text}s"),
                None => lower
                    .replace(' ', "")
                    .replace("seconds", "s")
                    .replace("secs", "s")
                    .replace("sec", "s")
                    .replace("min", "m"),
            },
            Self::Word(words) => closest(&lower, words.iter().copied())?.to_owned(),
            Self::Address => match text.strip_prefix(':').unwrap_or(text) {
                port if port.parse::<u16>().is_ok() => format!("0.0.0.0:{port}"),
                _ => text.replacen("localhost", "127.0.0.1", 1),
            },
            Self::Count { .. } => text.replace(['_', ',', ' '], ""),
            Self::TextWith(_, guess) => guess(text)?,
            Self::Text(_) | Self::List(_) => return None,
        };
        let guess = match (self, guess.char_indices().last()) {
            (Self::Bytes { .. }, Some((at, unit @ ('k' | 'm' | 'g')))) => {
                format!("{}{}iB", guess[..at].trim_end(), unit.to_ascii_uppercase())
            }
            _ => guess,
        };
        (guess != text && self.read_scalar_quietly(&guess)).then_some(guess)
    }

    /// Whether `text` would be taken, without looking for a suggestion again.
    fn read_scalar_quietly(&self, text: &str) -> bool {
        match self {
            Self::Flag | Self::Word(_) => true,
            Self::Count { min, max } => parse_count(text).is_some_and(|count| (*min..=*max).contains(&count)),
            Self::Bytes { min, max } => size::parse(text).is_some_and(|bytes| (*min..=*max).contains(&bytes)),
            Self::Duration { min, max, words } => {
                words.contains(&text) || duration::parse(text).is_some_and(|length| (*min..=*max).contains(&length))
            }
            Self::Address => text.parse::<SocketAddr>().is_ok(),
            Self::TextWith(form, _) => (form.valid)(text),
            Self::Text(_) | Self::List(_) => false,
        }
    }
}
