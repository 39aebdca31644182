//! One call of the program: parse first, act later, say everything at the end.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use clap::Parser;
use tokio::sync::watch;
use tokio::task::LocalSet;

use crate::board::Board;
use crate::cli::{self, Cli, Command};
use crate::exit::{Exit, Failure};
use crate::judge::{Judged, JudgedRun, judge, judge_run};
use crate::plan::Plan;
use crate::report::{self, Document};
use crate::{descriptors, local};

/// Runs the program with these arguments, the first being its own name.
///
/// Results go to standard output, everything else to standard error. No process it started is left when it returns.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Clean };
            // A closed terminal is no reason for another exit code.
            let _ = error.print();
            return exit;
        }
    };
    let done = match cli.command {
        Command::Scenarios => print(&report::text::scenarios()).map(|()| Exit::Clean),
        Command::Local(options) => cli::plan(&options).map_err(Failure::usage).and_then(|plan| drill(&plan)),
    };
    done.unwrap_or_else(|failure| {
        let _ = writeln!(std::io::stderr(), "lameduck-drill: {failure}");
        failure.exit
    })
}

fn drill(plan: &Plan) -> Result<Exit, Failure> {
    if !cfg!(unix) {
        return Err(Failure::usage(anyhow::anyhow!("local runs need the signals of a Unix system")));
    }
    descriptors::raise(plan.load.connections()).map_err(Failure::usage)?;
    let outputs = [&plan.outputs.json, &plan.outputs.html];
    for file in outputs.into_iter().flatten() {
        // Found out before the drill, not after it.
        write(file, "").map_err(Failure::usage)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("failed to start the runtime").map_err(Failure::invalid)?;
    let tasks = LocalSet::new();
    let judged = runtime.block_on(tasks.run_until(all_runs(plan)))?;
    publish(plan, &judged)?;
    Ok(judged.exit)
}

async fn all_runs(plan: &Plan) -> Result<Judged, Failure> {
    let (interrupt, interrupted) = watch::channel(false);
    tokio::task::spawn_local(async move {
        until_interrupted().await;
        interrupt.send_replace(true);
    });
    let board = Board::new(plan.outputs.progress);
    let mut runs: Vec<JudgedRun> = Vec::new();
    for run in &plan.runs {
        match local::run(plan, run, &board, interrupted.clone()).await {
            Ok(facts) => runs.push(judge_run(facts, &plan.limits, plan.target.has_ledger)),
            Err(failure) if runs.is_empty() => return Err(failure),
            Err(failure) => {
                // What was measured before is worth showing; the failure is shown with it.
                let mut judged = judge(runs);
                judged.sentence = format!("invalid: run {}: {failure}", run.name);
                judged.exit = failure.exit;
                return Ok(judged);
            }
        }
        if *interrupted.borrow() {
            break;
        }
    }
    Ok(judge(runs))
}

#[cfg(unix)]
async fn until_interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut handlers = match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
        // Without handlers a signal ends the drill, and the kernel its replicas.
        (Err(_), _) | (_, Err(_)) => return std::future::pending().await,
    };
    tokio::select! {
        _ = handlers.0.recv() => {}
        _ = handlers.1.recv() => {}
    }
}

#[cfg(not(unix))]
async fn until_interrupted() {
    let _ = tokio::signal::ctrl_c().await;
}

fn publish(plan: &Plan, judged: &Judged) -> Result<(), Failure> {
    let document = Document::new(plan, judged);
    print(&report::text::render(judged, plan.load.seed))?;
    if let Some(file) = &plan.outputs.json {
        let json = serde_json::to_string_pretty(&document).context("failed to write JSON").map_err(Failure::invalid)?;
        write(file, &json).map_err(Failure::invalid)?;
        print(&format!("JSON {}\n", file.display()))?;
    }
    if let Some(file) = &plan.outputs.html {
        let html = report::html::render(&document).context("failed to write HTML").map_err(Failure::invalid)?;
        write(file, &html).map_err(Failure::invalid)?;
        print(&format!("report {}\n", file.display()))?;
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}

fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::invalid(anyhow::Error::new(error).context("failed to write to standard output")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
