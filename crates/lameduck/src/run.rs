//! From `main` to the exit code.

use crate::cli::{self, Invocation, Parsed};
use crate::clock::Clock;
use crate::cluster::ClusterAccess;
use crate::config::{Loaded, Settings};
use crate::events::Events;
use crate::runtime::{Configured, deliver, start_failure_report};
use crate::service::Service;
use crate::signals::Signals;
use lameduck_lifecycle::{Exit, Report};
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long the last log lines may take to get out.
const LOG_WITHIN: Duration = Duration::from_millis(500);

/// Runs the service to the end of its life. The whole of `main`:
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     lameduck::run(lameduck::Service::new("orders"))
/// }
/// ```
///
/// Signal handlers come first, then the command line and the configuration; the calling thread becomes the control thread.
/// Returns when the process should end, with 3 if work was lost, else 1 if the start or a part failed, else 0; 2 for a wrong
/// command line or configuration. Threads that still run then (a handler that blocks) end with the process, so return from
/// `main` at once.
pub fn run<S: Settings>(service: Service<S>) -> ExitCode {
    let clock = Clock::start();
    let runtime = match control_runtime() {
        Ok(runtime) => runtime,
        Err(error) => return print_error(&format!("cannot start the control thread: {error}"), Exit::Failed),
    };
    let code = runtime.block_on(command(service, clock));
    runtime.shutdown_background();
    code
}

/// The runtime of the control thread.
pub(crate) fn control_runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build()
}

async fn command<S: Settings>(service: Service<S>, clock: Clock) -> ExitCode {
    let signals = match Signals::install() {
        Ok(signals) => signals,
        Err(error) => return print_error(&format!("cannot handle signals: {error}"), Exit::Failed),
    };
    let defaults = vec![("service.name", service.about.name.to_owned())];
    match cli::parse::<S>(&service.about, Invocation { defaults, ..Invocation::of_this_process() }) {
        Parsed::Serve(loaded) => serve(service, *loaded, signals, clock).await,
        Parsed::Print(text) => print(&text),
        Parsed::Refuse(problem) => print_error(&problem, Exit::Usage),
        #[cfg(feature = "cluster")]
        Parsed::DrainTest(options) => match crate::drain_test::run(&options).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => print_error(&format!("FAILED: {problem}"), Exit::Failed),
        },
    }
}

/// Answers a question of the person at the terminal. A reader that has gone (`| head`) wants no more.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

async fn serve<S: Settings>(service: Service<S>, loaded: Loaded<S>, signals: Signals, clock: Clock) -> ExitCode {
    let Loaded { config, settings, warnings, .. } = loaded;
    let log = match lameduck_telemetry::init(&config.telemetry_options()) {
        Ok(log) => log,
        Err(error) => return print_error(&format!("{error:#}"), Exit::Failed),
    };
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let (report, cluster) = live(Configured::new(service, config.clone(), settings, clock), signals).await;
    deliver(&report, &config).await;
    if let Some(cluster) = cluster {
        cluster.announce_end(&report).await;
    }
    log.flush(LOG_WITHIN);
    ExitCode::from(report.exit.code())
}

/// One life, from the configuration to the report.
async fn live(configured: Configured, signals: Signals) -> (Report, Option<ClusterAccess>) {
    let (config, clock) = (configured.config.clone(), configured.clock);
    let (events, receiver) = Events::channel();
    tokio::spawn(signals.forward(events.clone()));
    let started = configured.bind().and_then(|bound| bound.start(events, receiver).map_err(Into::into));
    match started {
        Ok(running) => {
            let cluster = running.cluster();
            (running.finished().await, Some(cluster))
        }
        Err(error) => {
            tracing::error!(gate = %error.gate, "start-up failed at {}: {}", error.gate, error.error);
            (start_failure_report(&config, clock, &error), None)
        }
    }
}

/// Says what is wrong before there is a log.
#[expect(clippy::print_stderr, reason = "there is no log yet, and a person waits for an answer")]
fn print_error(problem: &str, exit: Exit) -> ExitCode {
    eprintln!("{}", problem.trim_end());
    ExitCode::from(exit.code())
}
