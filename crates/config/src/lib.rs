//! Configuration from a file and the environment: typed values, or every error at once.
//!
//! Each key is declared once, in a [`Section`]: path, kind, default, what it means and why. Reading, checking, error messages
//! with suggestions, environment variables, the effective configuration and the reference page all follow from that
//! declaration. The crate declares no key: an engine and its services do, by implementing [`Settings`].

mod effective;
mod environment;
mod errors;
mod key;
mod kind;
mod reference;
mod resolve;
mod settings;
mod source;
mod suggest;
mod tree;
mod value;

pub use effective::{EffectiveLine, effective};
pub use errors::{ConfigError, ConfigErrors};
pub use key::{Key, Section, environment_name, is_name};
pub use kind::{Form, Kind};
pub use reference::reference;
pub use settings::{Check, Settings, Values};
pub use source::{Environment, File, Origin, Sources};
pub use suggest::closest;
pub use value::{FromValue, Value};

/// What a load amounts to.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    /// The typed configuration.
    pub config: T,
    /// Every value by path, with where it came from.
    pub values: Values,
    /// What is allowed but rarely meant: to be logged.
    pub warnings: Vec<ConfigError>,
}

/// Reads `sources` by `sections`; `read` takes the values into fields and checks what does not go together.
///
/// # Errors
/// Every error of the load: in the order of the file, then of the environment, then of what does not go together.
///
/// # Panics
/// If `read` reads a key that no section declares, or as another kind: see [`Values::get`].
pub fn load<T>(
    sources: &Sources,
    sections: &[Section],
    read: impl FnOnce(&Values, &mut Check<'_>) -> T,
) -> Result<Loaded<T>, ConfigErrors> {
    let resolved = resolve::resolve(sources, sections);
    // A default that cannot be read leaves a hole: nothing can be read from such values.
    if resolved.errors.iter().any(|error| error.origin == Origin::Default) {
        return Err(ConfigErrors(resolved.errors));
    }
    let mut check = Check::new(&resolved.values, &resolved.unread);
    let config = read(&resolved.values, &mut check);
    let (found, warnings) = (check.errors, check.warnings);
    let errors: Vec<_> = resolved.errors.into_iter().chain(found).collect();
    if errors.is_empty() { Ok(Loaded { config, values: resolved.values, warnings }) } else { Err(ConfigErrors(errors)) }
}
