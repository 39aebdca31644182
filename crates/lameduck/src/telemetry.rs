//! What the process says about itself, and where: shared by the parts that write and those that read.

use crate::config::Config;
use crate::metrics::{Exemplars, Scrapes};
use crate::requests::{Cut, Requests};
use lameduck_lifecycle::{Report, Snapshot};
use lameduck_server::Interest;
use lameduck_telemetry::Guard;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Log, traces, and what is kept for them. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Telemetry {
    /// `None`: the program has set up its own.
    pub(crate) log: Option<Arc<Guard>>,
    /// `None`: no collector was named.
    #[cfg(feature = "traces")]
    pub(crate) traces: Option<lameduck_telemetry::traces::Traces>,
    #[cfg(feature = "traces")]
    pub(crate) exit: crate::exit_trace::ExitTrace,
    pub(crate) exemplars: Exemplars,
    pub(crate) scrapes: Scrapes,
    pub(crate) cut: Cut,
}

impl Telemetry {
    /// Starts the traces, if a collector is named.
    ///
    /// # Errors
    /// A key or variable that cannot be used, or the system refuses the thread.
    #[cfg_attr(not(feature = "traces"), expect(clippy::unnecessary_wraps, reason = "traces may fail to start"))]
    pub(crate) fn start(config: &Config, version: &str, log: Option<Arc<Guard>>) -> anyhow::Result<Self> {
        #[cfg(not(feature = "traces"))]
        let _ = (config, version);
        Ok(Self {
            log,
            #[cfg(feature = "traces")]
            traces: start_traces(config, version)?,
            ..Self::default()
        })
    }

    /// Makes the traces those of calls that the calling thread makes.
    pub(crate) fn enter(&self) {
        #[cfg(feature = "traces")]
        crate::call::enter(self.traces.clone());
    }

    /// The observer of all requests.
    pub(crate) fn requests(&self, access: Interest) -> Requests {
        Requests(Arc::new(crate::requests::Shared {
            access,
            #[cfg(feature = "traces")]
            traces: self.traces.clone(),
            #[cfg(feature = "traces")]
            exemplars: self.exemplars.clone(),
            cut: self.cut.clone(),
        }))
    }

    /// Tells the trace of the exit what has happened so far.
    pub(crate) fn tell_exit(&self, snapshot: &Snapshot, progress: Option<&str>) {
        #[cfg(feature = "traces")]
        if let Some(traces) = &self.traces {
            self.exit.tell(traces, snapshot, progress);
        }
        #[cfg(not(feature = "traces"))]
        let _ = (snapshot, progress);
    }

    /// Ends the trace of the exit and exports what waits, at most until `until`.
    #[cfg_attr(not(feature = "traces"), expect(clippy::unused_async, reason = "without traces nothing is awaited"))]
    pub(crate) async fn flush_traces(&self, report: &Report, until: Instant) {
        #[cfg(feature = "traces")]
        if let Some(traces) = &self.traces {
            self.exit.end(report, &self.cut.all());
            let flushed = traces.flush(until).await;
            if flushed.lost > 0 {
                let (lost, exported) = (flushed.lost, flushed.exported);
                tracing::warn!(lost, exported, "{lost} spans were not exported: the time of drain.flush was over");
            }
        }
        #[cfg(not(feature = "traces"))]
        let _ = (report, until);
    }

    /// Waits until the scrapers have read the final numbers, at most `within`.
    pub(crate) async fn last_scrape(&self, within: Duration) {
        if within.is_zero() {
            return;
        }
        let since = tokio::time::Instant::now();
        let end = self.scrapes.last(since, since + within).await;
        tracing::debug!(?end, "the last scrape: {end:?}");
    }

    /// Log lines that were dropped.
    pub(crate) fn lines_dropped(&self) -> u64 {
        self.log.as_ref().map_or(0, |log| log.dropped())
    }
}

#[cfg(feature = "traces")]
fn start_traces(config: &Config, version: &str) -> anyhow::Result<Option<lameduck_telemetry::traces::Traces>> {
    let variable = |name: &str| std::env::var(name).ok();
    let options = config.traces.options(&config.service.name, version, variable).map_err(anyhow::Error::msg)?;
    let Some(options) = options else { return Ok(None) };
    let endpoint = lameduck_support::url::redacted(&options.endpoint);
    tracing::info!(%endpoint, "spans go to {endpoint}");
    lameduck_telemetry::traces::Traces::start(options).map(Some)
}
