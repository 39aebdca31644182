//! The grammar of the command line, and the help that teaches it.

use super::{About, Parsed};
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, builder::PathBufValueParser};
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
    /// Hidden: the text of docs/configuration.md.
    Keys,
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

pub(super) fn read(about: &About, arguments: Vec<OsString>, colour: bool) -> Result<Command, Talk> {
    let matches = grammar(about).try_get_matches_from(arguments).map_err(|error| {
        let text = if colour { error.render().ansi().to_string() } else { error.render().to_string() };
        let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
        if asked_for { Talk::Help(text) } else { Talk::Usage(text) }
    })?;
    let config = |matches: &ArgMatches| matches.get_one::<PathBuf>("config").cloned();
    Ok(match matches.subcommand() {
        Some(("check", below)) => Command::Check { config: config(below) },
        Some(("version", _)) => Command::Version,
        Some(("keys", _)) => Command::Keys,
        #[cfg(feature = "cluster")]
        Some((crate::drain_test::NAME, below)) => Command::DrainTest(crate::drain_test::Options::of(below)),
        Some((_, below)) => Command::Serve { config: config(below) },
        None => Command::Serve { config: config(&matches) },
    })
}

fn grammar(about: &About) -> clap::Command {
    let command = clap::Command::new(about.name)
        .version(about.version)
        .about(about.summary)
        .after_help(after_help(about.name))
        .max_term_width(80)
        .arg(
            Arg::new("config")
                .long("config")
                .short('c')
                .value_name("FILE")
                .help("Configuration (YAML); else LAMEDUCK_CONFIG; else defaults")
                .value_parser(PathBufValueParser::new())
                .global(true),
        )
        .subcommand(clap::Command::new("serve").about("Start, serve, and leave when told to. The default"))
        .subcommand(clap::Command::new("check").about("Check the configuration; show what it amounts to"))
        .subcommand(clap::Command::new("version").about("Show the version"))
        .subcommand(clap::Command::new("keys").hide(true).about("Print docs/configuration.md"))
        .disable_help_subcommand(true);
    #[cfg(feature = "cluster")]
    let command = command.subcommand(crate::drain_test::grammar());
    command
}

fn after_help(name: &str) -> String {
    format!(
        "\
Examples:
  {name}                             serve with the defaults
  {name} -c bootstrap.yaml check     is this file good, what does it amount to?
  LAMEDUCK_DRAIN__DELAY=3s {name}    any key, its parts joined by __
  LAMEDUCK_LOG__LEVEL=debug {name}   say more

While it runs, with default ports:
  curl localhost:8080/ping                 the service
  curl 'localhost:8081/readyz?verbose'     probes: /livez, /readyz, /startupz
  curl localhost:8081/drain                where the process is in its life
  curl localhost:8081/metrics              for Prometheus
  kill -TERM PID                           leave without losing a request
  Ctrl-C                                   the same, without the wait

Exit codes:
  0  left, and nothing was lost
  1  the start or a part failed: the log says which and why
  2  the command line or the configuration is wrong
  3  work was lost: the report says what

Every key: docs/configuration.md. The way out: docs/drain.md."
    )
}
