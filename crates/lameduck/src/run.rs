//! From `main` to the exit code: what only a whole process has, around the engine.

use crate::cli::{self, Parsed};
use crate::clock::Clock;
use crate::config::{Config, Loaded, Origin, Settings};
use crate::events::Events;
use crate::runtime::Configured;
use crate::service::{Logging, Service};
use crate::signals::Signals;
use lameduck_lifecycle::Exit;
use lameduck_server::Limits;
use lameduck_telemetry::Guard;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::runtime::Runtime;

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
/// It is [`Engine`](crate::Engine) with what only a process has: signals, which come first; the command line; the log.
/// The calling thread becomes the control thread, so `main` must not be inside a tokio runtime (no `#[tokio::main]`).
///
/// Returns when the process should end, with 3 if work was lost, else 1 if the start or a part failed, else 0; 2 for a
/// wrong command line or configuration. Threads that still run then (a handler that blocks) end with the process, so
/// return from `main` at once.
pub fn run<S: Settings>(service: Service<S>) -> ExitCode {
    let clock = Clock::start();
    if tokio::runtime::Handle::try_current().is_ok() {
        return print_error(
            "lameduck::run starts its own threads and was called inside a tokio runtime; remove #[tokio::main] and call it from \
             a plain `fn main() -> ExitCode`, or use lameduck::start, which may be called anywhere",
            Exit::Failed,
        );
    }
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

async fn command<S: Settings>(mut service: Service<S>, clock: Clock) -> ExitCode {
    let signals = match Signals::install() {
        Ok(signals) => signals,
        Err(error) => return print_error(&format!("cannot handle signals: {error}"), Exit::Failed),
    };
    let invocation = service.invocation();
    match cli::parse_by::<S>(&service.about, invocation, &service.keys()) {
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

async fn serve<S: Settings>(service: Service<S>, mut loaded: Loaded<S>, signals: Signals, clock: Clock) -> ExitCode {
    let log = match set_up_logging(service.logging, &loaded) {
        Ok(log) => log,
        Err(error) => return print_error(&format!("{error:#}"), Exit::Failed),
    };
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    descriptors(&mut loaded.config.limits);
    let (events, receiver) = Events::channel();
    tokio::spawn(signals.forward(events.clone()));
    let configured = Configured::new(service, loaded, clock, log);
    let ports = configured.bind();
    let report = configured.start(ports, events, receiver).finished().await;
    ExitCode::from(report.exit.code())
}

/// Takes as many file descriptors as the system gives, and no more connections than those are enough for.
fn descriptors(limits: &mut Limits) {
    if let Err(error) = lameduck_server::raise_descriptor_limit() {
        tracing::warn!(%error, "cannot raise the limit of open files: {error}");
    }
    let Some(connections) = lameduck_server::connections_max() else { return };
    if limits.connections > connections {
        tracing::warn!(
            "limits.connections is {}, but the limit of open files leaves {connections} of them: using {connections}; raise the hard \
             limit (ulimit -Hn), or lower limits.connections",
            limits.connections
        );
        limits.connections = connections;
    }
}

/// Sets up the log unless the program has its own.
///
/// # Errors
/// As [`lameduck_telemetry::init`].
pub(crate) fn set_up_logging<S>(logging: Logging, loaded: &Loaded<S>) -> anyhow::Result<Option<Arc<Guard>>> {
    if logging == Logging::Program {
        return Ok(None);
    }
    let mut options = loaded.config.telemetry_options();
    let is_default = loaded.values.origin("log.level") == Some(&Origin::Default);
    let (level, problem) = level(&loaded.config, is_default, std::env::var("RUST_LOG").ok());
    options.level = level;
    let log = lameduck_telemetry::init(&options)?;
    if let Some(problem) = problem {
        tracing::warn!("{problem}");
    }
    Ok(Some(Arc::new(log)))
}

/// `log.level`; where no one set it, RUST_LOG, as in other programs. And what is wrong with RUST_LOG.
fn level(config: &Config, is_default: bool, rust_log: Option<String>) -> (String, Option<String>) {
    let level = config.log.level.clone();
    match rust_log.filter(|text| is_default && !text.trim().is_empty()) {
        Some(text) if lameduck_telemetry::is_filter(&text) => (text, None),
        Some(text) => {
            let problem = format!(
                "RUST_LOG={text:?} is not a filter of the form LEVEL or TARGET=LEVEL,…; log.level stays {level}"
            );
            (level, Some(problem))
        }
        None => (level, None),
    }
}

/// Answers a request of the person at the terminal. A reader that has gone (`| head`) wants no more.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// Says what is wrong before there is a log.
#[expect(clippy::print_stderr, reason = "there is no log yet, and a person waits for an answer")]
fn print_error(problem: &str, exit: Exit) -> ExitCode {
    eprintln!("{}", problem.trim_end());
    ExitCode::from(exit.code())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    #[test]
    fn rust_log_counts_where_log_level_is_not_set() {
        let config = load::<()>(&Sources::default()).unwrap().config;
        let level = |is_default, rust_log: &str| level(&config, is_default, Some(rust_log.to_owned()));
        assert_eq!(level(true, "warn,orders=debug"), ("warn,orders=debug".to_owned(), None));
        assert_eq!(level(false, "warn"), ("info".to_owned(), None));
        assert_eq!(level(true, ""), ("info".to_owned(), None));
        let (kept, problem) = level(true, "orders[span]=debug");
        assert_eq!(kept, "info");
        assert!(problem.unwrap().contains("log.level stays info"));
    }
}
