//! The command line, and one whole run.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::candidate::Benched;
use crate::measures::{self, Size};
use crate::report::Row;
use crate::{process, report, serve};

/// Measures engine and service against bare axum and compares with the goals. Exit code 1: a goal was missed.
#[derive(Debug, Parser)]
#[command(name = "lameduck-bench", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Fewer and shorter rounds: for a look, not for a claim.
    #[arg(long)]
    quick: bool,
    /// The service's binary; by default `lameduck-service` beside this one, if it is there.
    #[arg(long)]
    service: Option<PathBuf>,
    /// Only measures whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Be one of the servers that are measured, until SIGTERM.
    Serve {
        /// Who serves.
        candidate: serve::Stack,
        /// Port on 127.0.0.1; 0: any. The first line on the standard output names it.
        #[arg(default_value_t = 0)]
        port: u16,
    },
}

/// Runs what the command line asks for.
#[expect(clippy::print_stderr, reason = "a command-line tool speaks to a person")]
pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let result = process::raise_open_files().map_err(Into::into).and_then(|()| match arguments.command {
        Some(Command::Serve { candidate, port }) => serve::serve(candidate, port).map(|()| true),
        None => bench(&arguments),
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("lameduck-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures everything; whether all goals are met.
fn bench(arguments: &Arguments) -> anyhow::Result<bool> {
    let own = std::env::current_exe().context("find this program's own path, which also serves")?;
    let service = match &arguments.service {
        Some(path) => Some(path.clone()),
        None => Some(own.with_file_name("lameduck-service")).filter(|path| path.exists()),
    };
    let benched = Benched { own, service, cores: process::Cores::split() };
    let size = if arguments.quick { Size::QUICK } else { Size::FULL };
    report::opening(&benched, arguments.quick);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    let rows: Vec<Row> = runtime.block_on(measures::all(&benched, size, &arguments.only))?;
    Ok(report::closing(&rows))
}
