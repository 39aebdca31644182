//! Configuration: a file and the environment in, typed values or every error at once out.
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

mod options;
mod sections;

use std::net::SocketAddr;

pub use lameduck_config::{
    Check, ConfigError, ConfigErrors, EffectiveLine, Environment, File, Form, FromValue, Key, Kind, Origin, Section,
    Settings, Sources, Value, Values, effective, environment_name, is_name, reference,
};
pub use lameduck_support::duration::{format as format_duration, parse as parse_duration};
pub use lameduck_support::size::{format as format_bytes, parse as parse_bytes};
pub use sections::{
    Admin, Cluster, Config, Dependency, DependencyTarget, Drain, DrainCall, Health, HostPort, HttpUrl, Listen,
    Liveness, Log, Service, Stages,
};

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
    pub warnings: Vec<ConfigError>,
}

/// The sections of the engine and of a service `S`.
pub fn sections<S: Settings>() -> Vec<Section> {
    sections_with::<S>(&[])
}

/// As [`sections`], with those that a service registered besides.
pub fn sections_with<S: Settings>(registered: &[Section]) -> Vec<Section> {
    Config::SECTIONS.iter().chain(S::SECTIONS).chain(registered).copied().collect()
}

/// Reads and checks everything.
///
/// # Errors
/// Every error of the load, in the order of the file, then of the environment, then of what does not go together.
///
/// # Panics
/// If `S` reads a key that it does not declare, or as another kind: see [`Values::get`].
pub fn load<S: Settings>(sources: &Sources) -> Result<Loaded<S>, ConfigErrors> {
    load_with(sources, &[])
}

/// As [`load`], with sections that a service registered besides those of `S`.
///
/// # Errors
/// As [`load`].
///
/// # Panics
/// As [`load`].
pub fn load_with<S: Settings>(sources: &Sources, registered: &[Section]) -> Result<Loaded<S>, ConfigErrors> {
    let loaded = lameduck_config::load(sources, &sections_with::<S>(registered), |values, check| {
        let (config, settings) = (Config::read(values), S::read(values));
        config.listen.check(&addresses(values, registered), check);
        config.check(check);
        settings.check(check);
        (config, settings)
    })?;
    let (config, settings) = loaded.config;
    Ok(Loaded { config, settings, values: loaded.values, warnings: loaded.warnings })
}

/// Where the listeners that a service registered are to listen.
fn addresses(values: &Values, registered: &[Section]) -> Vec<(&'static str, SocketAddr)> {
    let keys = registered.iter().filter(|section| section.name == "listen").flat_map(|section| section.keys);
    keys.filter_map(|key| Some((key.path, values.find(key.path)?))).collect()
}

#[cfg(test)]
mod tests;
