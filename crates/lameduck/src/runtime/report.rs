//! The last word: what the report says, and where it goes.

use super::StartError;
use crate::clock::Clock;
use crate::config::Config;
use crate::report_file;
use lameduck_lifecycle::{Document, Event, Exit, Ledger, Machine, Phase, Report, Snapshot};
use std::time::Duration;

/// How long the report file may take to write: a file system that hangs must not keep the process.
const REPORT_WITHIN: Duration = Duration::from_secs(1);

/// Says the last word: in the log, and in the report file if there is to be one.
pub(crate) async fn deliver(report: &Report, config: &Config) {
    let sentence = report.sentence();
    let code = report.exit.code();
    match report.exit {
        Exit::Clean => tracing::info!(exit_code = code, "{sentence}"),
        Exit::Failed | Exit::Usage | Exit::Lost => {
            tracing::error!(exit_code = code, lost_jobs = report.document.jobs.lost_total, "{sentence}");
        }
    }
    if let Some(error) = &report.document.ledger_error {
        tracing::error!(%error, "the ledger does not add up, which is a defect of the engine: {error}");
    }
    let Some(path) = config.drain.report_file.clone() else { return };
    let text = report_file::text(&path, report);
    let shown = path.display().to_string();
    let writing = tokio::task::spawn_blocking(move || report_file::write(&path, &text));
    match tokio::time::timeout(REPORT_WITHIN, writing).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::error!(%error, "the report cannot be written to {shown}: {error}"),
        Ok(Err(_)) | Err(_) => tracing::error!("the report could not be written to {shown} within {REPORT_WITHIN:?}"),
    }
}

/// The report of a process whose start failed before anything ran.
pub(crate) fn start_failure_report(config: &Config, clock: Clock, error: &StartError) -> Report {
    let StartError { gate, error } = error.clone();
    let mut machine = Machine::new(config.plan());
    for event in [Event::StartFailed { gate, error }, Event::Released, Event::Flushed] {
        let _ = machine.on(clock.now(), event);
    }
    report_of(&machine, clock)
}

/// The report of a snapshot that nothing follows.
pub(super) fn report(snapshot: &Snapshot, document: Document) -> Report {
    let exit = match snapshot.phase.leaving() {
        Some(leaving) => Exit::of(leaving, &snapshot.ledger, &snapshot.jobs),
        None => Exit::Failed,
    };
    Report { document, exit }
}

/// The report of a life without rooms.
fn report_of(machine: &Machine, clock: Clock) -> Report {
    let snapshot = Snapshot {
        at: clock.now(),
        phase: machine.phase().clone(),
        readiness: machine.readiness(),
        ledger: Ledger::default(),
        jobs: Default::default(),
        connections: Default::default(),
        stragglers: Vec::new(),
    };
    let document = Document::new(&snapshot, machine.plan(), None);
    debug_assert!(matches!(snapshot.phase, Phase::Exited(_)));
    report(&snapshot, document)
}
