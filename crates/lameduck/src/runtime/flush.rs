//! Flushing: the last word leaves the process. Everything in here shares the one bound of the phase, also when it
//! moves.

use super::bound::Bound;
use crate::cluster::ClusterAccess;
use crate::report_file;
use crate::telemetry::Telemetry;
use lameduck_lifecycle::{Advice, Change, Exit, Report};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// What the log keeps for itself of the time that is left, at most: it tells what became of everything else.
const LOG_SHARE_MAX: Duration = Duration::from_millis(500);

/// Where the last word goes.
pub(super) struct Flush {
    pub(super) report_file: Option<PathBuf>,
    pub(super) cluster: ClusterAccess,
    pub(super) telemetry: Telemetry,
    /// How long at most for a scraper to read the final numbers.
    pub(super) scrape_wait: Duration,
}

impl Flush {
    /// Writes the report and the last Event, exports the spans and waits for the last scrape, all at the same time,
    /// then the log. What takes longer than `bound` is left behind: a disk that has stopped, an API server that hangs,
    /// a log that no process reads.
    pub(super) async fn run(self, report: Report, bound: Bound) {
        log(&report);
        let share = LOG_SHARE_MAX.min(bound.left() / 4);
        let until = Instant::now() + bound.left().saturating_sub(share);
        tokio::join!(
            write(self.report_file, &report, &bound, share),
            bound.limit(share, self.cluster.announce_end(&report)),
            bound.limit(share, self.telemetry.flush_traces(&report, until.into_std())),
            bound.limit(share, self.telemetry.last_scrape(self.scrape_wait)),
        );
        if let Some(log) = self.telemetry.log {
            let within = bound.left();
            bound.limit(Duration::ZERO, tokio::task::spawn_blocking(move || log.flush(within))).await;
        }
    }
}

fn log(report: &Report) {
    let (sentence, code) = (report.sentence(), report.exit.code());
    match report.exit {
        Exit::Clean => tracing::info!(exit_code = code, "{sentence}"),
        Exit::Failed | Exit::Usage | Exit::Lost => {
            tracing::error!(exit_code = code, lost_jobs = report.document.jobs.lost_total, "{sentence}");
        }
    }
    if let Some(Advice { delay_seconds, grace_used, change, text }) = &report.document.advice
        && *change != Change::TooLittleTraffic
    {
        tracing::info!(delay_seconds, grace_used, %change, "advice: {text}");
    }
    if let Some(error) = &report.document.ledger_error {
        tracing::error!(%error, "the ledger does not add up, which is an internal error of the engine: {error}");
    }
}

async fn write(path: Option<PathBuf>, report: &Report, bound: &Bound, share: Duration) {
    let Some(path) = path else { return };
    let text = report_file::text(&path, report);
    let shown = path.display().to_string();
    let writing = tokio::task::spawn_blocking(move || report_file::write(&path, &text));
    match bound.limit(share, writing).await {
        Some(Ok(Ok(()))) => {}
        Some(Ok(Err(error))) => tracing::error!(%error, "the report cannot be written to {shown}: {error}"),
        Some(Err(error)) => tracing::error!(%error, "the report cannot be written to {shown}: {error}"),
        None => tracing::error!("the report could not be written to {shown} in the time of drain.flush"),
    }
}

#[cfg(all(test, feature = "cluster"))]
mod tests {
    use super::*;
    use crate::runtime::bound::BoundSetter;
    use lameduck_lifecycle::{Event, Ledger, Machine, Plan, Signal, Snapshot};

    fn report() -> Report {
        let mut machine = Machine::new(Plan::default());
        let _ = machine.on(Duration::ZERO, Event::Signal(Signal::Terminate));
        let snapshot = Snapshot {
            at: Duration::ZERO,
            phase: machine.phase().clone(),
            readiness: machine.readiness(),
            ledger: Ledger::default(),
            jobs: Default::default(),
            connections: Default::default(),
            stragglers: Vec::new(),
        };
        Report::of(snapshot, machine.plan())
    }

    /// An API server that takes the connection and says nothing: patient as the client may be, the phase ends in its
    /// time, and the report is out.
    #[tokio::test]
    async fn an_api_server_that_hangs_at_the_last_event_holds_up_nothing() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let cluster = ClusterAccess::patient(&url);
        let flush = Flush {
            report_file: Some(path.clone()),
            cluster,
            telemetry: Telemetry::default(),
            scrape_wait: Duration::ZERO,
        };
        let bound = BoundSetter::new();
        bound.set(Instant::now() + Duration::from_secs(2));
        let flushing = tokio::spawn(flush.run(report(), bound.reader()));
        // The Event is on its way, and no answer to it will ever come.
        let _connection = silent.accept().await.unwrap();
        while !path.exists() {
            tokio::task::yield_now().await;
        }
        assert!(!flushing.is_finished(), "it waits for the answer");
        // The grace period turns out to be over: the phase follows at once.
        bound.set(Instant::now());
        flushing.await.unwrap();
        let written: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(written["cause"]["kind"], "terminate");
    }
}
