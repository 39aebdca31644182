//! How a part declares its keys, reads them, and says what does not go together.

use crate::errors::ConfigError;
use crate::key::Section;
use crate::source::Origin;
use crate::value::{FromValue, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Sections of the configuration as a type: the engine's own, and those that a service adds.
///
/// Declare each key once; the documentation, `check`, the environment variables and the errors follow from that.
///
/// ```
/// use lameduck_config::{Check, Key, Kind, Section, Settings, Values};
///
/// pub struct Mine { queue_max: usize }
///
/// impl Settings for Mine {
///     const SECTIONS: &'static [Section] = &[Section {
///         name: "jobs",
///         doc: "What is accepted now and done later.",
///         keys: &[Key::new(
///             "jobs.queue_max",
///             Kind::Count { min: 1, max: 1_000_000 },
///             "1024",
///             "Jobs that may wait. More are answered with 429.",
///         )],
///     }];
///
///     fn read(values: &Values) -> Self {
///         Self { queue_max: values.get("jobs.queue_max") }
///     }
/// }
/// ```
///
/// A section may share its name with one of the engine's (`bench`): its keys are then shown together. No key may be
/// declared twice.
pub trait Settings: Sized + Send + Sync + 'static {
    /// The declarations.
    const SECTIONS: &'static [Section];

    /// Takes the values into the fields. Every declared key has a value of its kind here, so this cannot fail.
    fn read(values: &Values) -> Self;

    /// Refuses what does not go together, and warns of what is allowed but rarely meant.
    fn check(&self, check: &mut Check<'_>) {
        let _ = check;
    }
}

/// A service without sections of its own.
impl Settings for () {
    const SECTIONS: &'static [Section] = &[];

    fn read(_: &Values) -> Self {}
}

/// The values of a load by path.
#[derive(Clone, Debug, Default)]
pub struct Values {
    pub(crate) settings: BTreeMap<String, Setting>,
    /// For each group with a `*` in its keys, what the operator put there, in order.
    pub(crate) names: BTreeMap<String, Vec<(String, Origin)>>,
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
    pub(crate) secret: bool,
}

impl Values {
    /// The value of a key.
    ///
    /// # Panics
    /// If no section declares `path`, or declares it as another kind than `T`: a slip in the program, which its first
    /// start shows.
    pub fn get<T: FromValue>(&self, path: &str) -> T {
        self.find(path).unwrap_or_else(|| panic!("the key {path} is read but not declared"))
    }

    /// The value of a key as a type of another crate, which cannot implement [`FromValue`] here: `read` takes it there.
    ///
    /// # Panics
    /// As [`get`](Self::get), and if `read` returns `None`.
    pub fn get_by<T>(&self, path: &str, read: impl FnOnce(&Value) -> Option<T>) -> T {
        let value = self.value(path).unwrap_or_else(|| panic!("the key {path} is read but not declared"));
        read(value).unwrap_or_else(|| panic!("the key {path} is declared as {value:?} and read as another kind"))
    }

    /// The value of a key below a `*`, if it is set.
    ///
    /// # Panics
    /// If the key is declared as another kind than `T`.
    pub fn find<T: FromValue>(&self, path: &str) -> Option<T> {
        let value = self.value(path)?;
        let read = T::from_value(value);
        Some(read.unwrap_or_else(|| {
            panic!("the key {path} is declared as {value:?} and read as {}", std::any::type_name::<T>())
        }))
    }

    /// The value of a key, whatever it is.
    pub fn value(&self, path: &str) -> Option<&Value> {
        self.settings.get(path).map(|setting| &setting.value)
    }

    /// What the operator named in `group`, in order: say database and redis, for `dependencies`.
    pub fn names<'a>(&'a self, group: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.names.get(group).into_iter().flatten().map(|(name, _)| name.as_str())
    }

    /// Where `path` was set: a key, or a name that the operator chose.
    pub fn origin(&self, path: &str) -> Option<&Origin> {
        let name = || {
            let (group, name) = path.rsplit_once('.')?;
            self.names.get(group)?.iter().find(|(known, _)| known == name).map(|(_, origin)| origin)
        };
        self.settings.get(path).map(|setting| &setting.origin).or_else(name)
    }
}

/// Collects what [`Settings::check`] finds.
#[derive(Debug)]
pub struct Check<'a> {
    values: &'a Values,
    /// Keys that are unread already: what follows from them is no news.
    unread: &'a BTreeSet<String>,
    pub(crate) errors: Vec<ConfigError>,
    pub(crate) warnings: Vec<ConfigError>,
}

impl<'a> Check<'a> {
    pub(crate) fn new(values: &'a Values, unread: &'a BTreeSet<String>) -> Self {
        Self { values, unread, errors: Vec::new(), warnings: Vec::new() }
    }

    /// Refuses the configuration because of `paths`: the first of them that somebody set is the one that is shown.
    /// Ignored if one of them could not be read, for then nobody knows yet what it would have been.
    pub fn refuse(&mut self, paths: &[&str], problem: impl Into<String>) {
        self.refuse_with(paths, problem, None);
    }

    /// [`refuse`](Self::refuse), with what was probably meant.
    pub fn refuse_with(&mut self, paths: &[&str], problem: impl Into<String>, suggestion: Option<String>) {
        if !paths.iter().any(|path| self.unread.contains(*path)) {
            let error = self.about(paths, problem.into(), suggestion);
            self.errors.push(error);
        }
    }

    /// Says something about `paths` that is no error.
    pub fn warn(&mut self, paths: &[&str], problem: impl Into<String>) {
        let warning = self.about(paths, problem.into(), None);
        self.warnings.push(warning);
    }

    /// Whether `path` has a value, be it one that cannot be read.
    pub fn is_set(&self, path: &str) -> bool {
        self.unread.contains(path) || self.values.settings.contains_key(path)
    }

    /// What was read. Keys that could not be read are absent, or have their default.
    pub fn values(&self) -> &'a Values {
        self.values
    }

    /// What the operator named in `group`.
    pub fn names(&self, group: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.values.names(group)
    }

    fn about(&self, paths: &[&str], problem: String, suggestion: Option<String>) -> ConfigError {
        let set = |path: &&&str| self.values.origin(path).is_some_and(|origin| *origin != Origin::Default);
        let path = paths.iter().find(set).or(paths.first()).copied().unwrap_or_default();
        let setting = self.values.settings.get(path);
        ConfigError {
            origin: self.values.origin(path).cloned().unwrap_or(Origin::Default),
            key: Some(path.to_owned()),
            value: setting.filter(|setting| !setting.secret).map(|setting| setting.value.to_yaml()),
            problem,
            suggestion,
        }
    }
}
