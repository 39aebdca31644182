//! The grammar of the command line, and the help that teaches it.

use super::{About, Parsed};
use crate::config::Prefixes;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, builder::PathBufValueParser};
use std::ffi::OsString;
use std::path::PathBuf;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Serve {
        config: Option<PathBuf>,
    },
    Check {
        config: Option<PathBuf>,
    },
    Version,
    /// The page of all keys, or their schema.
    Keys {
        json_schema: bool,
    },
    #[cfg(feature = "cluster")]
    DrainTest(crate::drain_test::Options),
}

/// No command, but something to say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Talk {
    Help(String),
    Usage(String),
}

impl<S> From<Talk> for Parsed<S> {
    fn from(talk: Talk) -> Self {
        match talk {
            Talk::Help(text) => Self::Print(text),
            Talk::Usage(text) => Self::Refuse(text),
        }
    }
}

pub(super) fn read(
    about: &About,
    prefixes: &Prefixes,
    arguments: Vec<OsString>,
    colour: bool,
) -> Result<Command, Talk> {
    let matches = grammar(about, prefixes).try_get_matches_from(arguments).map_err(|error| {
        let text = if colour { error.render().ansi().to_string() } else { error.render().to_string() };
        let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
        if asked_for { Talk::Help(text) } else { Talk::Usage(text) }
    })?;
    let config = |matches: &ArgMatches| matches.get_one::<PathBuf>("config").cloned();
    Ok(match matches.subcommand() {
        Some(("check", below)) => Command::Check { config: config(below) },
        Some(("version", _)) => Command::Version,
        Some(("keys", below)) => Command::Keys { json_schema: below.get_flag("json-schema") },
        #[cfg(feature = "cluster")]
        Some((crate::drain_test::NAME, below)) => Command::DrainTest(crate::drain_test::Options::of(below)),
        Some((_, below)) => Command::Serve { config: config(below) },
        None => Command::Serve { config: config(&matches) },
    })
}

fn grammar(about: &About, prefixes: &Prefixes) -> clap::Command {
    let command = clap::Command::new(about.name)
        .version(about.version)
        .about(about.summary)
        .after_help(after_help(about.name, prefixes))
        .max_term_width(80)
        .arg(
            Arg::new("config")
                .long("config")
                .short('c')
                .value_name("FILE")
                .help(format!("Configuration file (YAML); default: ${}CONFIG, else no file", prefixes.own()))
                .value_parser(PathBufValueParser::new())
                .global(true),
        )
        .subcommand(clap::Command::new("serve").about("Start and serve (the default)"))
        .subcommand(clap::Command::new("check").about("Check the configuration and show every value in effect"))
        .subcommand(clap::Command::new("version").about("Show the version"))
        .subcommand(keys())
        .disable_help_subcommand(true);
    #[cfg(feature = "cluster")]
    let command = command.subcommand(crate::drain_test::grammar());
    command
}

fn keys() -> clap::Command {
    let json_schema = Arg::new("json-schema").long("json-schema").action(ArgAction::SetTrue);
    clap::Command::new("keys")
        .about("Describe every key, as Markdown")
        .arg(json_schema.help("As a JSON schema, for editors and charts"))
}

fn after_help(name: &str, prefixes: &Prefixes) -> String {
    let prefix = prefixes.own();

    format!(
        "\
Examples:
  {name}
  {name} -c bootstrap.yaml check   check a file, show every value in effect
  {prefix}DRAIN__DELAY=3s {name}   any key, its parts joined by __
  {prefix}LOG__LEVEL=debug {name}

While it runs, with default ports:
  curl localhost:8080/                     the service
  curl 'localhost:8081/readyz?verbose'     probes: /livez, /readyz, /startupz
  curl localhost:8081/drain                phase, and what is still in flight
  curl localhost:8081/metrics              metrics for Prometheus
  kill -TERM PID                           shut down without losing a request
  Ctrl-C                                   the same, without the wait

Exit codes:
  0  shut down, and nothing was lost
  1  the start or a component failed: the log says which and why
  2  the command line or the configuration is wrong
  3  work was lost: the report says what

All keys: {name} keys"
    )
}
