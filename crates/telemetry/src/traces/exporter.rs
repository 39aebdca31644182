//! The exporter's thread: a small runtime of its own, on which the connection to the collector lives. Nothing of it is
//! shared with handlers or the control thread, so nothing there can hold it up, and it can hold up nothing there.

mod http;

use super::options::{Protocol, TraceOptions};
use super::queue::{BATCH_MAX, GATHER, Next, Queue};
use ::http::Uri;
use anyhow::Context as _;
use opentelemetry::KeyValue;
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig};
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Attempts for one batch; while the process leaves, one. (The exporter's own attempts are off: they know of no flush.)
const ATTEMPTS_MAX: u32 = 3;
/// After the first attempt that failed; doubled for each further one.
const BACKOFF: Duration = Duration::from_secs(1);
/// Between two log lines about exports that fail.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// Starts the thread.
pub(super) fn start(options: TraceOptions, queue: Arc<Queue>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Names are resolved there: one at a time is enough.
        .max_blocking_threads(1)
        .build()
        .context("cannot start the runtime of the traces")?;
    // The connection belongs to the runtime on which it is made. Entered, not blocked on: the caller is on a runtime,
    // too.
    let exporter = {
        let _entered = runtime.enter();
        build(&options)?
    };
    let work = async move { Exporter { exporter, queue, options, complained_at: None, silenced: 0 }.run().await };
    std::thread::Builder::new()
        .name("traces".to_owned())
        .spawn(move || runtime.block_on(work))
        .context("cannot start the thread of the traces")?;
    Ok(())
}

fn build(options: &TraceOptions) -> anyhow::Result<SpanExporter> {
    let TraceOptions { endpoint, protocol, timeout, ca_file, resource, .. } = options;
    let shown = lameduck_support::url::redacted(endpoint);
    let uri: Uri = endpoint.parse().with_context(|| format!("traces.endpoint: {shown:?} is not a URL"))?;
    let encrypted = uri.scheme_str() == Some("https");
    let ca = match ca_file {
        Some(path) => Some(std::fs::read(path).with_context(|| format!("OTEL_EXPORTER_OTLP_CERTIFICATE: {path}"))?),
        None => None,
    };
    let mut exporter = match protocol {
        Protocol::Grpc => {
            let builder = SpanExporter::builder().with_tonic().with_retry_policy(RetryPolicy::disabled());
            let mut builder = builder.with_endpoint(endpoint).with_timeout(*timeout);
            if encrypted {
                let tls = match ca {
                    Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
                    None => ClientTlsConfig::new().with_native_roots(),
                };
                builder = builder.with_tls_config(tls);
            }
            builder.build()
        }
        Protocol::HttpProtobuf => {
            let client = http::Client::new(ca)?;
            let builder = SpanExporter::builder().with_http().with_retry_policy(RetryPolicy::disabled());
            builder.with_http_client(client).with_endpoint(endpoint).with_timeout(*timeout).build()
        }
    }
    .with_context(|| format!("traces.endpoint: {shown}"))?;
    let attributes = resource.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    exporter.set_resource(&Resource::builder().with_attributes(attributes).build());
    Ok(exporter)
}

struct Exporter {
    exporter: SpanExporter,
    queue: Arc<Queue>,
    options: TraceOptions,
    complained_at: Option<Instant>,
    /// Failures since the last line about one.
    silenced: u64,
}

impl Exporter {
    async fn run(mut self) {
        loop {
            match self.queue.next() {
                Next::Stop => return,
                Next::Wait => self.queue.work(GATHER).await,
                Next::Export(batch, until) => {
                    let whole = batch.len() == BATCH_MAX;
                    self.export(batch, until).await;
                    if !whole && self.queue.flush_until().is_none() {
                        self.queue.work(GATHER).await;
                    }
                }
            }
        }
    }

    async fn export(&mut self, batch: Vec<SpanData>, until: Option<Instant>) {
        let (mut backoff, mut until) = (BACKOFF, until);
        for attempt in 1..=ATTEMPTS_MAX {
            let bound = until.map_or(self.options.timeout, |until| {
                self.options.timeout.min(until.saturating_duration_since(Instant::now()))
            });
            let error = match tokio::time::timeout(bound, self.exporter.export(batch.clone())).await {
                Ok(Ok(())) => return self.queue.exported(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {bound:.1?}"),
            };
            self.complain(batch.len(), &error);
            if until.is_some() || attempt == ATTEMPTS_MAX {
                break;
            }
            self.queue.work(backoff).await;
            backoff *= 2;
            until = self.queue.flush_until();
        }
        self.queue.failed();
    }

    fn complain(&mut self, spans: usize, error: &str) {
        let now = Instant::now();
        if self.complained_at.is_some_and(|at| now < at + COMPLAIN_EVERY) {
            self.silenced += 1;
            return;
        }
        self.complained_at = Some(now);
        let (endpoint, failures) =
            (lameduck_support::url::redacted(&self.options.endpoint), std::mem::take(&mut self.silenced) + 1);
        tracing::warn!(%endpoint, error, spans, failures, "spans cannot be exported to {endpoint}: {error}");
    }
}
