//! One call of the program: parse first, act later, say everything at the end.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

use anyhow::Context;
use clap::Parser;
use tokio::sync::watch;
use tokio::task::LocalSet;

use crate::cli::{self, Cli, Command};
use crate::exit::{Exit, Failure};
use crate::facts::RunFacts;
use crate::judge::{Judged, JudgedRun, judge, judge_run};
use crate::live_view::LiveView;
use crate::local::keys::ServiceKeys;
#[cfg(feature = "cluster")]
use crate::plan::cluster::Source;
use crate::plan::local::LocalPlan;
use crate::plan::{Outputs, Plan, Run};
use crate::report::{self, Document, Drilled};
use crate::{descriptors, local};

/// Runs the program with these arguments, the first being its own name.
///
/// Results go to standard output, everything else to standard error. No process it started is left when it returns.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    #[cfg(feature = "cluster")]
    let written: Vec<String> = arguments.iter().map(|part| part.to_string_lossy().into_owned()).collect();
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
        Command::Local(options) => ask_keys(&options)
            .and_then(|keys| cli::local::plan(&options, keys).map_err(Failure::usage))
            .and_then(|plan| local_drill(&plan)),
        #[cfg(feature = "cluster")]
        Command::Cluster(options) => cluster_drill(&options, written),
        #[cfg(feature = "cluster")]
        Command::LoadPod(options) => {
            let served = on_runtime(crate::load_pod::serve(options.listen, until_interrupted()));
            served.and_then(|served| served.map_err(Failure::invalid)).map(|()| Exit::Clean)
        }
        #[cfg(feature = "cluster")]
        Command::Signal(options) => {
            let sent = on_runtime(crate::cluster::signal_process_one(options.after));
            sent.and_then(|sent| sent).map(|()| Exit::Clean)
        }
    };
    done.unwrap_or_else(|failure| {
        let _ = writeln!(std::io::stderr(), "lameduck-drill: {failure}");
        failure.exit
    })
}

/// The same as a plugin of kubectl: its arguments are those of `cluster`.
pub fn run_as_plugin(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    arguments.insert(arguments.len().min(1), "cluster".into());
    run(arguments)
}

/// Asks a service built on lameduck which keys it has.
fn ask_keys(options: &cli::local::Local) -> Result<ServiceKeys, Failure> {
    match options.command.first() {
        Some(program) if options.preset == cli::Preset::Lameduck && cfg!(unix) => on_runtime(local::keys::ask(program)),
        Some(_) | None => Ok(ServiceKeys::default()),
    }
}

fn local_drill(plan: &LocalPlan) -> Result<Exit, Failure> {
    if !cfg!(unix) {
        return Err(Failure::usage(anyhow::anyhow!("local runs need the signals of a Unix system")));
    }
    descriptors::raise(plan.load.connections()).map_err(Failure::usage)?;
    drill(plan, &Drilled::program(&plan.command), async || {
        all_runs(plan, async |run, view, interrupted| local::run(plan, run, view, interrupted).await).await
    })
}

#[cfg(feature = "cluster")]
fn cluster_drill(options: &cli::cluster::Cluster, written: Vec<String>) -> Result<Exit, Failure> {
    let plan = cli::cluster::plan(options, written).map_err(Failure::usage)?;
    if options.print_role {
        return print(&crate::cluster::role(&plan)).map(|()| Exit::Clean);
    }
    if matches!(plan.target.source, Source::Here(_)) {
        descriptors::raise(plan.load.connections()).map_err(Failure::usage)?;
    }
    let drilled = Drilled { name: plan.target.workload.to_string(), command: &plan.command };
    drill(&plan, &drilled, async || {
        let cluster = crate::cluster::Cluster::open(&plan).await?;
        all_runs(&plan, async |run, view, interrupted| cluster.run(&plan, run, view, interrupted).await).await
    })
}

/// A whole drill: whether the results can be written is known before anything is started.
fn drill<T, W>(
    plan: &Plan<T, W>,
    drilled: &Drilled<'_>,
    runs: impl AsyncFnOnce() -> Result<Judged, Failure>,
) -> Result<Exit, Failure> {
    let files = OutputFiles::check(&plan.outputs)?;
    let started = SystemTime::now();
    let judged = on_runtime(runs())??;
    publish(&Document::new(drilled, started, &plan.load, &judged), &plan.outputs, plan.load.seed, &judged)?;
    files.keep();
    Ok(judged.exit)
}

/// Runs a future to its end on a runtime of this thread, with tasks that need not be `Send`.
fn on_runtime<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("failed to start the runtime").map_err(Failure::invalid)?;
    Ok(runtime.block_on(LocalSet::new().run_until(future)))
}

/// The files for the results. A drill that fails leaves none behind that was not there before.
struct OutputFiles {
    made: Vec<PathBuf>,
}

impl OutputFiles {
    /// Finds out before the drill whether they can be written, and leaves alone what is in them.
    fn check(outputs: &Outputs) -> Result<Self, Failure> {
        let mut files = Self { made: Vec::new() };
        for file in [&outputs.json, &outputs.html].into_iter().flatten() {
            let is_new = !file.exists();
            let opened = OpenOptions::new().append(true).create(true).open(file);
            opened.with_context(|| format!("{} cannot be written", file.display())).map_err(Failure::usage)?;
            if is_new {
                files.made.push(file.clone());
            }
        }
        Ok(files)
    }

    /// They have been written.
    fn keep(mut self) {
        self.made.clear();
    }
}

impl Drop for OutputFiles {
    fn drop(&mut self) {
        for file in &self.made {
            // Only what nothing was written into: a file that cannot be removed does no harm.
            if file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
                let _ = std::fs::remove_file(file);
            }
        }
    }
}

/// Does the runs one after the other, and judges them together.
async fn all_runs<T, W>(
    plan: &Plan<T, W>,
    one: impl AsyncFn(&Run<W>, &Rc<LiveView>, watch::Receiver<bool>) -> Result<RunFacts, Failure>,
) -> Result<Judged, Failure> {
    let (interrupt, interrupted) = watch::channel(false);
    tokio::task::spawn_local(async move {
        until_interrupted().await;
        interrupt.send_replace(true);
    });
    let view = LiveView::new(plan.outputs.progress);
    let mut judged: Vec<JudgedRun> = Vec::new();
    for run in &plan.runs {
        match one(run, &view, interrupted.clone()).await {
            Ok(facts) => judged.push(judge_run(facts, &plan.limits, plan.has_ledger)),
            Err(failure) if judged.is_empty() => return Err(failure),
            Err(failure) => {
                // What was measured before is worth showing; the failure is shown with it.
                let mut judged = judge(judged);
                judged.sentence = format!("invalid: run {}: {failure}", run.name);
                judged.exit = failure.exit;
                return Ok(judged);
            }
        }
        if *interrupted.borrow() {
            break;
        }
    }
    Ok(judge(judged))
}

#[cfg(unix)]
async fn until_interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    // A terminal that is closed ends a drill as Ctrl-C does: with what it made taken back.
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        // Without handlers a signal ends the drill, and the kernel its replicas.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

#[cfg(not(unix))]
async fn until_interrupted() {
    let _ = tokio::signal::ctrl_c().await;
}

fn publish(document: &Document, outputs: &Outputs, seed: u64, judged: &Judged) -> Result<(), Failure> {
    print(&report::text::render(judged, seed))?;
    if let Some(file) = &outputs.json {
        let json = serde_json::to_string_pretty(document).context("failed to write JSON").map_err(Failure::invalid)?;
        write(file, &json).map_err(Failure::invalid)?;
        print(&format!("JSON {}\n", file.display()))?;
    }
    if let Some(file) = &outputs.html {
        let html = report::html::render(document).context("failed to write HTML").map_err(Failure::invalid)?;
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
