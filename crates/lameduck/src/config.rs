//! Configuration: a file and the environment in, typed values or every mistake at once out.
//!
//! Each key is declared once, in a [`Section`]: path, kind, default, what it means and why. Reading, checking, error messages
//! with suggestions, environment variables, `check` and `docs/configuration.md` all follow from that declaration. To add a key
//! to the engine, open its file below `config/sections/`: one entry in its table, one field, one line in `read`. A service adds
//! its own by implementing [`Settings`].
//!
//! ```
//! use lameduck::config::{Sources, load};
//!
//! let sources = Sources {
//!     environment: vec![("LAMEDUCK_DRAIN__DELAY".into(), "3s".into())],
//!     ..Sources::default()
//! };
//! let loaded = load::<()>(&sources).unwrap();
//! assert_eq!(loaded.config.drain.delay.as_secs(), 3);
//! ```

mod effective;
mod environment;
mod key;
mod kind;
mod mistake;
mod reference;
mod resolve;
mod rooms;
mod sections;
mod settings;
mod source;
mod suggest;
mod tree;
mod units;
mod value;

pub use effective::{EffectiveLine, effective};
pub use key::{Key, Section, environment_name, is_name};
pub use kind::{Form, Kind};
pub use mistake::{Mistake, Mistakes};
pub use reference::reference;
pub use sections::{
    Admin, Cluster, Config, Dependency, DependencyTarget, Drain, DrainCall, HostPort, HttpUrl, Listen, Liveness, Log,
    Service, Stages,
};
pub use settings::{Check, Settings, Values};
pub use source::{File, Origin, Sources, Surroundings};
pub use units::{format_bytes, format_duration, parse_bytes, parse_duration};
pub use value::{FromValue, Value};

/// A configuration that holds together.
#[derive(Clone, Debug)]
pub struct Loaded<S> {
    /// The engine's part.
    pub config: Config,
    /// The service's part.
    pub settings: S,
    /// Every value by path, with where it came from.
    pub values: Values,
    /// What is allowed but rarely meant: to be logged.
    pub warnings: Vec<Mistake>,
}

/// The sections of the engine and of a service `S`.
pub fn sections<S: Settings>() -> Vec<Section> {
    Config::SECTIONS.iter().chain(S::SECTIONS).copied().collect()
}

/// Reads and checks everything.
///
/// # Errors
/// Every mistake of the load, in the order of the file, then of the environment, then of what does not go together.
///
/// # Panics
/// If `S` reads a key that it does not declare, or as another kind: see [`Values::get`].
pub fn load<S: Settings>(sources: &Sources) -> Result<Loaded<S>, Mistakes> {
    let resolved = resolve::resolve(sources, &sections::<S>());
    // A default that cannot be read leaves a hole: nothing can be read from such values.
    if resolved.mistakes.iter().any(|mistake| mistake.origin == Origin::Default) {
        return Err(Mistakes(resolved.mistakes));
    }
    let (config, settings) = (Config::read(&resolved.values), S::read(&resolved.values));
    let mut check = Check::new(&resolved.values, &resolved.mistaken);
    config.check(&mut check);
    settings.check(&mut check);
    let (found, warnings) = (check.mistakes, check.warnings);
    let mistakes: Vec<_> = resolved.mistakes.into_iter().chain(found).collect();
    if mistakes.is_empty() {
        Ok(Loaded { config, settings, values: resolved.values, warnings })
    } else {
        Err(Mistakes(mistakes))
    }
}

#[cfg(test)]
mod tests;
