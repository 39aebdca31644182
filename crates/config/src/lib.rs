//! Configuration from a file and the environment: typed values, or every error at once.
//!
//! Each key is declared once, in a [`Section`]: path, kind, default, what it means and why. Reading, checking, error
//! messages with suggestions, environment variables, the effective configuration and the reference page all follow from
//! that declaration. The crate declares no key: an engine and its services do, by implementing [`Settings`].

mod closest;
mod effective;
mod environment;
mod errors;
mod json_schema;
mod key;
mod kind;
mod reference;
mod resolve;
mod secret;
mod settings;
mod source;
mod suggest;
mod tree;
mod value;

pub use closest::closest;
pub use effective::{EffectiveLine, effective};
pub use environment::Prefixes;
pub use errors::{ConfigError, ConfigErrors};
pub use json_schema::json_schema;
pub use key::{Key, Section, is_name};
pub use kind::{Form, Kind};
pub use reference::{key_table, reference};
pub use secret::Secret;
pub use settings::{Check, Settings, Values};
pub use source::{Environment, File, Origin, Sources};
pub use value::{FromValue, Value};

/// Every declaration of a program: its keys, and how they are called in the environment.
#[derive(Clone, Debug)]
pub struct Schema {
    /// The sections, in the order in which they are shown.
    pub sections: Vec<Section>,
    /// How many of them, from the first, belong to the part that several programs share: their keys are also read under
    /// the shared prefix.
    pub shared: usize,
    /// What the names of environment variables begin with.
    pub prefixes: Prefixes,
}

/// What a load amounts to.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    /// The typed configuration.
    pub config: T,
    /// Every value by path, with where it came from.
    pub values: Values,
    /// What is allowed but rarely meant, and what has no effect: to be logged.
    pub warnings: Vec<ConfigError>,
}

/// Reads `sources` by `schema`; `read` takes the values into fields and checks what does not go together.
///
/// # Errors
/// Every error of the load: in the order of the file, then of the environment, then of what does not go together.
///
/// # Panics
/// If `read` reads a key that no section declares, or as another kind: see [`Values::get`].
pub fn load<T>(
    sources: &Sources,
    schema: &Schema,
    read: impl FnOnce(&Values, &mut Check<'_>) -> T,
) -> Result<Loaded<T>, ConfigErrors> {
    let resolved = resolve::resolve(sources, schema);
    // A default that cannot be read leaves a hole: nothing can be read from such values.
    if resolved.errors.iter().any(|error| error.origin == Origin::Default) {
        return Err(ConfigErrors(resolved.errors));
    }
    let mut check = Check::new(&resolved.values, &resolved.unread);
    let config = read(&resolved.values, &mut check);
    let (found, mut warnings) = (check.errors, check.warnings);
    warnings.extend(resolved.warnings);
    let errors: Vec<_> = resolved.errors.into_iter().chain(found).collect();
    if errors.is_empty() { Ok(Loaded { config, values: resolved.values, warnings }) } else { Err(ConfigErrors(errors)) }
}
