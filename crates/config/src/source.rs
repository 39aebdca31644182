//! Where values come from: a file and the environment, both handed in, so that a load depends on nothing else.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most bytes of a configuration file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Everything that a load reads.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file, if there is one.
    pub file: Option<File>,
    /// The environment: names with their values. Names that are no keys are skipped.
    pub environment: Vec<(String, String)>,
    /// Defaults of the service in place of the declared ones, by path.
    pub defaults: Vec<(&'static str, String)>,
}

/// A configuration file that has been read.
#[derive(Clone, Debug)]
pub struct File {
    /// What to call it in messages.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Which file and environment to read, as the process was started.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `--config FILE`.
    pub config: Option<PathBuf>,
    /// The environment variables, that which names the file among them.
    pub variables: Vec<(OsString, OsString)>,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A file.
    File {
        /// Its name.
        name: Arc<str>,
        /// The line, from 1; 0 if unknown.
        line: u64,
    },
    /// An environment variable.
    Environment(String),
}

/// A value that nobody has read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Raw {
    /// No value: `key:` without anything.
    Nothing,
    /// One value, as it was written.
    Scalar(String),
    /// Several.
    List(Vec<String>),
    /// Keys and values where a value was expected, or none of them.
    Group,
    /// A list of something other than values.
    ListOfGroups,
}

impl Sources {
    /// Reads the file that `--config` names, or else the first of `named_by` that is set and not empty:
    /// `ORDERS_CONFIG`. No file is fine; one that is named must be there.
    ///
    /// # Errors
    /// A sentence that names the file, who named it, and what is wrong with it.
    pub fn read(process: Environment, named_by: &[String]) -> Result<Self, String> {
        let set = |(name, value): &&(OsString, OsString), wanted: &str| name == wanted && !value.is_empty();
        let file = match &process.config {
            Some(path) => Some((path.clone(), "--config")),
            None => named_by.iter().find_map(|wanted| {
                let found = process.variables.iter().find(|variable| set(variable, wanted));
                found.map(|(_, path)| (PathBuf::from(path), wanted.as_str()))
            }),
        };
        let file = file.map(|(path, by)| read_file(&path, by)).transpose()?;
        let environment = process
            .variables
            .into_iter()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect();
        Ok(Self { file, environment, defaults: Vec::new() })
    }
}

fn read_file(path: &Path, named_by: &str) -> Result<File, String> {
    let shown = path.display();
    let fail = |problem: String| format!("{named_by}: {shown}: {problem}");
    let file = std::fs::File::open(path).map_err(|error| fail(format!("cannot be opened: {error}")))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| fail(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(fail("exceeds 1 MiB".to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|_| fail("is not UTF-8".to_owned()))?;
    Ok(File { name: shown.to_string(), text })
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line: 0 } => f.write_str(name),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Environment(name) => f.write_str(name),
        }
    }
}

impl std::fmt::Display for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => f.write_str("(nothing)"),
            Self::Scalar(text) => write_short(f, text),
            Self::List(items) => write_short(f, &items.join(",")),
            Self::Group => f.write_str("(keys)"),
            Self::ListOfGroups => f.write_str("(a list of keys)"),
        }
    }
}

/// Quoted and escaped, and no longer than a line: a value may be a whole key file that slipped in.
fn write_short(f: &mut std::fmt::Formatter<'_>, text: &str) -> std::fmt::Result {
    const SHOWN_MAX: usize = 60;
    let text = without_credentials(text);
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => write!(f, "{:?}…", &text[..end]),
        None => write!(f, "{text:?}"),
    }
}

/// What stands between `://` and `@` is nobody's business, even where no URL belongs.
fn without_credentials(text: &str) -> std::borrow::Cow<'_, str> {
    match text.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, rest)) => format!("{scheme}://(not shown)@{rest}").into(),
        None => text.into(),
    }
}
