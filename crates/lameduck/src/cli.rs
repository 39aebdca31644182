//! The command line of a service: `serve`, `check`, `version`, and in a cluster `drain-test`.
//!
//! [`parse`] is a function of its inputs: arguments, environment and files in, either something to serve or a text to
//! print and an exit code out. Nothing here touches the process.

mod check;
mod command;
mod timeline;

pub use timeline::timeline;

use crate::config::{self, Environment, Loaded, ServiceKeys, Settings, Sources};
use command::Command;
use std::ffi::OsString;

/// What the program is, for `--help` and `version`.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The name of the program.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
}

/// Everything that the command line depends on.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    /// The arguments, that of the program's own name first.
    pub arguments: Vec<OsString>,
    /// The environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Whether standard output is a terminal, that is: whether to use colour.
    pub colour: bool,
    /// Defaults of the service in place of the declared ones, by path.
    pub defaults: Vec<(&'static str, String)>,
}

/// What the command line amounts to.
#[derive(Debug)]
pub enum Parsed<S> {
    /// Serve by this configuration.
    Serve(Box<Loaded<S>>),
    /// Print this to standard output and exit with 0.
    Print(String),
    /// Print this to standard error and exit with 2: the usage or the configuration is wrong.
    Refuse(String),
    /// Delete a pod of a release and check how it leaves.
    #[cfg(feature = "cluster")]
    DrainTest(crate::drain_test::Options),
}

impl Invocation {
    /// As this process was started.
    pub fn of_this_process() -> Self {
        use std::io::IsTerminal as _;
        Self {
            arguments: std::env::args_os().collect(),
            environment: std::env::vars_os().collect(),
            colour: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
            defaults: Vec::new(),
        }
    }
}

/// Reads the command line, and the configuration if the command needs it.
///
/// # Panics
/// As [`config::load`] does.
pub fn parse<S: Settings>(about: &About, invocation: Invocation) -> Parsed<S> {
    parse_by(about, invocation, &ServiceKeys { name: about.name, ..ServiceKeys::default() })
}

/// [`parse`], for a service that adds more than settings to the configuration.
pub(crate) fn parse_by<S: Settings>(about: &About, invocation: Invocation, keys: &ServiceKeys) -> Parsed<S> {
    let colour = invocation.colour;
    let command = match command::read(about, &keys.prefixes(), invocation.arguments, colour) {
        Ok(command) => command,
        Err(parsed) => return parsed.into(),
    };
    let (config, check) = match command {
        Command::Serve { config } => (config, false),
        Command::Check { config } => (config, true),
        Command::Version => return Parsed::Print(version(about)),
        #[cfg(feature = "cluster")]
        Command::DrainTest(options) => return Parsed::DrainTest(options),
        Command::Keys { json_schema: false } => return Parsed::Print(config::page(&keys.schema::<S>())),
        Command::Keys { json_schema: true } => {
            return Parsed::Print(format!("{:#}\n", lameduck_config::json_schema(&keys.schema::<S>())));
        }
    };
    let process = Environment { config, variables: invocation.environment };
    let sources = match Sources::read(process, &keys.prefixes().plain("CONFIG")) {
        Ok(sources) => Sources { defaults: invocation.defaults, ..sources },
        Err(problem) => return Parsed::Refuse(format!("{}: {problem}\n", about.name)),
    };
    match keys.load::<S>(&sources) {
        Err(errors) => Parsed::Refuse(format!(
            "{}: {errors}\n`{} keys` describes every key, `{} check` shows every value in effect.\n",
            about.name, about.name, about.name
        )),
        Ok(loaded) if check => Parsed::Print(check::report(about, &loaded, &keys.schema::<S>().sections, colour)),
        Ok(loaded) => Parsed::Serve(Box::new(loaded)),
    }
}

fn version(about: &About) -> String {
    let (name, version, engine) = (about.name, about.version, env!("CARGO_PKG_VERSION"));
    format!("{name} {version} (lameduck {engine})\n")
}

#[cfg(test)]
mod tests;
