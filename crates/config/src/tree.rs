//! YAML as a tree of nodes that know their line. Scalars stay as they were written: what they are is the key's
//! business.

use crate::errors::ConfigError;
use crate::source::{File, Origin};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;
use std::sync::Arc;

/// The most nodes of a file, aliases followed: a few lines of YAML can stand for millions.
const NODES_MAX: usize = 20_000;

/// What a key has below it, and the line of the key.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) line: u64,
    pub(crate) content: Content,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Nothing,
    Scalar(String),
    List(Vec<Content>),
    Map(Vec<(String, Node)>),
}

/// Reads the file: the keys at its top. An empty one, or one with comments alone, has none.
pub(crate) fn read(file: &File) -> Result<Vec<(String, Node)>, Box<ConfigError>> {
    let mut options = serde_saphyr::Options::default();
    options.strict_booleans = true;
    options.with_snippet = false;
    options.budget = serde_saphyr::budget! { max_nodes: NODES_MAX };
    options.non_finite_float_policy = serde_saphyr::NonFiniteFloatPolicy::AsString;
    match serde_saphyr::from_str_with_options::<Spanned<Loose>>(&file.text, options) {
        Ok(root) => match settle(root, &file.text) {
            Content::Map(entries) => Ok(entries),
            Content::Nothing => Ok(Vec::new()),
            Content::Scalar(_) | Content::List(_) => {
                Err(not_yaml(file, 1, "expected top-level keys, such as `drain:`"))
            }
        },
        Err(error) => {
            let line = error.location().map_or(0, |location| location.line());
            Err(not_yaml(file, line, &error.render_with_formatter(&serde_saphyr::UserMessageFormatter)))
        }
    }
}

fn not_yaml(file: &File, line: u64, problem: &str) -> Box<ConfigError> {
    let origin = Origin::File { name: Arc::from(file.name.as_str()), line };
    // The parser says where in its own way, which is said already.
    let problem = problem.lines().next().unwrap_or_default();
    let problem = problem.split(" at line ").next().unwrap_or(problem);
    Box::new(ConfigError::plain(origin, format!("not readable as YAML: {problem}")))
}

/// What serde sees: scalars that YAML takes for something other than text have lost their spelling.
#[derive(Clone, Debug)]
enum Loose {
    Nothing,
    Text(String),
    /// A boolean or a number: its spelling is still in the source.
    Plain(String),
    List(Vec<Spanned<Loose>>),
    Map(Vec<(Spanned<String>, Spanned<Loose>)>),
}

fn settle(node: Spanned<Loose>, source: &str) -> Content {
    match node.value {
        Loose::Nothing => Content::Nothing,
        Loose::Text(text) => Content::Scalar(text),
        Loose::Plain(guess) => Content::Scalar(spelling(&node.defined, source).unwrap_or(guess)),
        Loose::List(items) => Content::List(items.into_iter().map(|item| settle(item, source)).collect()),
        Loose::Map(entries) => {
            // A block begins below its key, a long text wherever: the line of the key is where a person looks.
            let named = |(key, value): (Spanned<String>, _)| {
                (key.value, Node { line: key.referenced.line(), content: settle(value, source) })
            };
            Content::Map(entries.into_iter().map(named).collect())
        }
    }
}

/// A plain scalar as it stands in the source: `1.10` stays `1.10`, `007` stays `007`.
fn spelling(location: &serde_saphyr::Location, source: &str) -> Option<String> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len()?).ok()?;
    let text = source.get(start..start.checked_add(length)?)?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list or keys")
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose::Nothing)
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
        Ok(Loose::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Loose, E> {
        Ok(Loose::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Loose, E> {
        Ok(Loose::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Loose, E> {
        Ok(Loose::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Loose, E> {
        Ok(Loose::Plain(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Loose, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Loose::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Loose, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Loose::Map(entries))
    }
}
