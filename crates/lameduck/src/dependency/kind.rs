//! Kinds of dependencies that operators configure: `dependencies: {NAME: {KIND: …}}`.

use super::Dependency;
use super::named::Named;
use crate::config::{FromValue, Key, KindKeys, Need, Pace, Values};

/// A dependency that an operator can configure: `dependencies: {NAME: {KIND: …}}`.
///
/// The crate that implements a kind declares its keys. A service offers it by
/// [`Service::dependency_kind`](crate::Service::dependency_kind); from then on its keys are read, checked, explained in
/// errors and described in `docs/configuration.md` with the engine's, and not otherwise: what is not compiled in is not
/// offered.
///
/// Every dependency has `required`, `connect_timeout` and `check_interval`; a key that neither these nor
/// [`KEYS`](Self::KEYS) name is an error.
pub trait DependencyKind: Dependency + Sized {
    /// The word below the name: `postgres`.
    const KIND: &'static str;

    /// What it is, and when it counts as available: a sentence for the documentation.
    const DOC: &'static str;

    /// Its keys. The first is `dependencies.*.KIND`; the others are [`Key::optional`], for they are absent where
    /// another kind is configured. Kinds that share a key declare it in the same words.
    const KEYS: &'static [Key];

    /// Whether the start waits for it if the operator does not say: true where code needs the handle.
    const REQUIRED: bool = true;

    /// Builds it. Connects to nothing.
    ///
    /// # Errors
    /// What does not go together, in a sentence: an error of the configuration, reported with the others.
    fn from_config(config: &DependencyConfig<'_>) -> Result<Self, String>;
}

/// The keys of one dependency, by their last part.
#[derive(Clone, Copy, Debug)]
pub struct DependencyConfig<'a> {
    name: &'a str,
    values: &'a Values,
}

impl<'a> DependencyConfig<'a> {
    pub(crate) fn new(name: &'a str, values: &'a Values) -> Self {
        Self { name, values }
    }

    /// What the operator calls it.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// A key that is set: that of the kind itself.
    ///
    /// # Panics
    /// If it is not set, or declared as another kind than `T`.
    pub fn get<T: FromValue>(&self, key: &str) -> T {
        self.values.get(&self.path(key))
    }

    /// A key that may be absent.
    ///
    /// # Panics
    /// If it is declared as another kind than `T`.
    pub fn find<T: FromValue>(&self, key: &str) -> Option<T> {
        self.values.find(&self.path(key))
    }

    /// The whole path of a key, for messages.
    pub fn path(&self, key: &str) -> String {
        format!("dependencies.{}.{key}", self.name)
    }
}

/// A kind without its type.
#[derive(Clone, Copy)]
pub(crate) struct AnyKind {
    pub(crate) keys: KindKeys,
    build: fn(&DependencyConfig<'_>, Need, Pace) -> Result<Named, String>,
}

impl AnyKind {
    pub(crate) fn of<K: DependencyKind>() -> Self {
        let check = |name: &str, values: &Values| K::from_config(&DependencyConfig::new(name, values)).map(drop);
        let keys = KindKeys { kind: K::KIND, doc: K::DOC, keys: K::KEYS, required: K::REQUIRED, check };
        let build = |config: &DependencyConfig<'_>, need, pace| {
            K::from_config(config).map(|dependency| Named::new(config.name(), dependency, need, pace))
        };
        Self { keys, build }
    }

    /// Builds the dependency that the operator configured as this kind.
    ///
    /// # Errors
    /// As [`DependencyKind::from_config`]: never after the configuration was checked.
    pub(crate) fn build(&self, name: &str, values: &Values, need: Need, pace: Pace) -> Result<Named, String> {
        (self.build)(&DependencyConfig::new(name, values), need, pace)
    }
}

impl std::fmt::Debug for AnyKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AnyKind").field(&self.keys.kind).finish()
    }
}
