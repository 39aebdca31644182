//! The command line. Exit codes: 0 all well, 1 something was found or went wrong, 2 usage.

use crate::engine::Engine;
use crate::name::Name;
use crate::new::{self, Request};
use crate::project::Choice;
use crate::{doctor, upgrade};
use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Start a service whose rolling restarts lose nothing, and keep it current.
#[derive(Debug, Parser)]
#[command(name = "lameduck", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a new project: it builds, passes its tests, and installs by its chart. Needs no network.
    New(NewArgs),
    /// Take over what the template changed since the project was made: a three-way merge, all of it or nothing.
    Upgrade(UpgradeArgs),
    /// Say what is stale, missing or contradictory in a project, each with its remedy.
    Doctor(DoctorArgs),
}

#[derive(Debug, Args)]
struct NewArgs {
    /// Name of the service: package, binary, image, chart and prefix of its environment variables.
    name: String,
    /// Folder of the project; must be empty or not exist. [default: ./NAME]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// What else the engine shall do.
    #[arg(long, value_name = "CHOICE,…", value_enum, value_delimiter = ',')]
    with: Vec<Choice>,
    /// Where the engine comes from: a VERSION, the PATH of a checkout, or a GIT URL, with `#TAG` for a tag.
    /// [default: the checkout this program was built from, else the version of this program]
    #[arg(long, value_name = "VERSION|PATH|GIT")]
    engine: Option<String>,
    /// With the sample's routes: a queue with its worker, keys, streams, an OpenAPI document.
    #[arg(long)]
    sample: bool,
}

#[derive(Debug, Args)]
struct UpgradeArgs {
    /// Folder of the project.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Version to upgrade to. [default: the version of this program; another says how to install it]
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
    /// Where the engine comes from, from now on: a VERSION, the PATH of a checkout, or a GIT URL, with `#TAG`.
    #[arg(long, value_name = "VERSION|PATH|GIT")]
    engine: Option<String>,
    /// Write nothing; exit code 1 if there is something to do.
    #[arg(long)]
    check: bool,
    /// Although the project has changes that are not committed.
    #[arg(long)]
    dirty: bool,
}

#[derive(Debug, Args)]
struct DoctorArgs {
    /// Folder of the project.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// Reads the command line and does what it says.
pub(crate) fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Command::New(args) => run_new(args),
        Command::Upgrade(args) => run_upgrade(args),
        Command::Doctor(args) => run_doctor(&args),
    };
    done.unwrap_or_else(|error| {
        report(&error);
        ExitCode::from(1)
    })
}

fn run_new(args: NewArgs) -> anyhow::Result<ExitCode> {
    let name = match Name::parse(&args.name) {
        Ok(name) => name,
        Err(error) => {
            report(&anyhow::Error::from(error));
            return Ok(ExitCode::from(2));
        }
    };
    let folder = args.dir.unwrap_or_else(|| PathBuf::from(name.as_str()));
    let folder = std::path::absolute(&folder).with_context(|| format!("--dir {}", folder.display()))?;
    let engine = match args.engine {
        Some(text) => Engine::parse(&text, &folder)?,
        None => Engine::default_for(&folder),
    };
    let request = Request { name, folder, engine, with: args.with.into_iter().collect(), sample: args.sample };
    say(&new::write(&request)?);
    Ok(ExitCode::SUCCESS)
}

fn run_upgrade(args: UpgradeArgs) -> anyhow::Result<ExitCode> {
    let folder = std::path::absolute(&args.dir)?;
    let engine = args.engine.map(|text| Engine::parse(&text, &folder)).transpose()?;
    let outcome =
        upgrade::run(&upgrade::Request { folder, to: args.to, engine, check: args.check, dirty: args.dirty })?;
    say(&outcome.text);
    Ok(if outcome.clean { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn run_doctor(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let findings = doctor::examine(&std::path::absolute(&args.dir)?)?;
    for finding in &findings {
        say(&finding.to_string());
    }
    if findings.is_empty() {
        say("all well: engine, template, chart, drain budget, probes, image and Rust version agree");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::from(1))
}

#[expect(clippy::print_stdout, reason = "the result of a command")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "a command reports its errors here")]
fn report(error: &anyhow::Error) {
    eprintln!("lameduck: {error:#}");
}
