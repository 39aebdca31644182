//! Configuration: a file and the environment in, typed values or every error at once out.
//!
//! Each key is declared once, in a [`Section`]: path, kind, default, what it means and why. Reading, checking, error
//! messages with suggestions, environment variables, `check` and `docs/configuration.md` all follow from that
//! declaration. To add a key to the engine, open its file below `config/sections/`: one entry in its table, one field,
//! one line in `read`. A service adds its own by implementing [`Settings`].
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
mod page;
mod sections;

pub(crate) use page::page;

use lameduck_config::Schema;
use std::net::SocketAddr;

pub use lameduck_config::{
    Check, ConfigError, ConfigErrors, EffectiveLine, Environment, File, Form, FromValue, Key, Kind, Origin, Prefixes,
    Secret, Section, Settings, Sources, Value, Values, effective, is_name,
};
pub use lameduck_support::duration::{format as format_duration, parse as parse_duration};
pub use lameduck_support::size::{format as format_bytes, parse as parse_bytes};
use sections::EVERY_DEPENDENCY;
#[cfg(feature = "tls")]
pub use sections::Tls;
#[cfg(feature = "traces")]
pub use sections::Traces;
pub use sections::{
    Admin, Cluster, Config, Dependency, Drain, DrainCall, Health, HostPort, HttpUrl, HttpUrlError, Listen, Liveness,
    Log, Need, Pace, Service, Stages,
};
pub(crate) use sections::{Declared, HTTP, KindKeys, TCP};

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

/// What the names of the engine's variables begin with in every service. A variable with the service's own prefix wins.
const SHARED_PREFIX: &str = "LAMEDUCK_";

/// What a service adds to the engine's keys, beside the sections of its settings.
#[derive(Clone, Debug)]
pub(crate) struct ServiceKeys {
    /// The name of the service, which its own variables begin with.
    pub(crate) name: &'static str,
    /// Kinds of dependencies that operators can configure.
    pub(crate) kinds: Vec<KindKeys>,
    /// Dependencies that the service's code brings.
    pub(crate) declared: Vec<Declared>,
    /// What else the service registered: listeners, sections of crates on top of the engine.
    pub(crate) registered: Vec<Section>,
}

impl Default for ServiceKeys {
    fn default() -> Self {
        Self { name: "lameduck", kinds: vec![TCP, HTTP], declared: Vec::new(), registered: Vec::new() }
    }
}

impl ServiceKeys {
    /// What the names of the service's variables begin with.
    pub(crate) fn prefixes(&self) -> Prefixes {
        Prefixes::of(self.name).with_shared(SHARED_PREFIX)
    }

    /// The keys of the engine, of the kinds of dependencies, and of a service with the settings `S`.
    pub(crate) fn schema<S: Settings>(&self) -> Schema {
        let mut sections = Config::SECTIONS.to_vec();
        let kinds = self.kinds.iter().map(|kind| Section { name: "dependencies", doc: kind.doc, keys: kind.keys });
        let parts: Vec<_> = kinds.chain([EVERY_DEPENDENCY]).collect();
        let after = sections.iter().position(|section| section.name == "dependencies").map_or(0, |at| at + 1);
        sections.splice(after..after, parts);
        sections.extend(&self.registered);
        let shared = sections.len();
        sections.extend(S::SECTIONS);
        Schema { sections, shared, prefixes: self.prefixes() }
    }

    /// The names of the work listeners.
    #[cfg(feature = "tls")]
    pub(crate) fn work_listeners(&self) -> Vec<&'static str> {
        let sections = Config::SECTIONS.iter().chain(&self.registered).filter(|section| section.name == "listen");
        let names = sections.flat_map(|section| section.keys).filter_map(|key| key.path.strip_prefix("listen."));
        names.filter(|name| *name != "admin").collect()
    }

    /// Reads and checks everything; see [`load`].
    pub(crate) fn load<S: Settings>(&self, sources: &Sources) -> Result<Loaded<S>, ConfigErrors> {
        let loaded = lameduck_config::load(sources, &self.schema::<S>(), |values, check| {
            let (config, settings) = (Config::read(values, self), S::read(values));
            config.listen.check(&addresses(values, &self.registered), check);
            config.check(check, self);
            settings.check(check);
            (config, settings)
        })?;
        let (config, settings) = loaded.config;
        Ok(Loaded { config, settings, values: loaded.values, warnings: loaded.warnings })
    }
}

/// Reads and checks everything, for a service that has settings and nothing else to configure: no dependencies of its
/// own, no kinds of dependencies. [`Service::load`](crate::Service::load) knows all of a service.
///
/// # Errors
/// Every error of the load, in the order of the file, then of the environment, then of what does not go together.
///
/// # Panics
/// If `S` reads a key that it does not declare, or as another kind: see [`Values::get`].
pub fn load<S: Settings>(sources: &Sources) -> Result<Loaded<S>, ConfigErrors> {
    ServiceKeys::default().load(sources)
}

/// Where the listeners that a service registered are to listen.
fn addresses(values: &Values, registered: &[Section]) -> Vec<(&'static str, SocketAddr)> {
    let keys = registered.iter().filter(|section| section.name == "listen").flat_map(|section| section.keys);
    keys.filter_map(|key| Some((key.path, values.find(key.path)?))).collect()
}

#[cfg(test)]
mod tests;
