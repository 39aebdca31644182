//! Everything a service may have: settings of its own, a dependency, a gate, routes with limits of their own, jobs,
//! workers, a metric. `cargo run -p lameduck --example full`

use lameduck::axum::Extension;
use lameduck::axum::extract::{Query, State};
use lameduck::axum::http::StatusCode;
use lameduck::axum::routing::{get, post};
use lameduck::config::{Key, Kind, Section, Settings, Values};
use lameduck::prometheus::IntCounter;
use lameduck::{App, Dependency, DependencyError, Handle, Job, Rejected, RouteOptions, Service, Start, Worker, anyhow};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::mpsc;

fn main() -> ExitCode {
    let service = Service::new("full")
        .version(env!("CARGO_PKG_VERSION"))
        .summary("Shows every part that a service may have.")
        .settings::<Queue>()
        .dependency("ids", |_| Ids)
        .worker("ticker", tick)
        .routes(build);
    lameduck::run(service)
}

// --- settings: a section of the configuration
// -----------------------------------------------------------------------------

struct Queue {
    max: usize,
}

impl Settings for Queue {
    const SECTIONS: &'static [Section] = &[Section {
        name: "queue",
        doc: "Submitted work.",
        keys: &[Key::new("queue.max", Kind::Count { min: 1, max: 1_000_000 }, "64", "Jobs that may wait.")],
    }];

    fn read(values: &Values) -> Self {
        Self { max: values.get("queue.max") }
    }
}

// --- a dependency: a gate at start-up, released at the end
// ------------------------------------------------------------------

struct Ids;

impl Dependency for Ids {
    /// The last id that was given.
    type Handle = Arc<AtomicU64>;

    async fn connect(&self) -> Result<Self::Handle, DependencyError> {
        Ok(Arc::default())
    }
}

// --- routes
// ---------------------------------------------------------------------------------------------------------------

#[derive(Clone)]
struct Shared {
    queue: mpsc::Sender<Job>,
    ids: Arc<AtomicU64>,
    submitted: IntCounter,
}

async fn build(start: Start<Queue>) -> anyhow::Result<App> {
    let warm = start.gate("warm-up");
    let (queue, waiting) = mpsc::channel(start.settings().max);
    start.worker("submitted", |worker| work_off(worker, waiting));
    let submitted = IntCounter::new("full_submitted_total", "Jobs that were submitted.")?;
    start.registry().register(Box::new(submitted.clone()))?;
    let app = Shared { queue, ids: start.dependency::<Ids>("ids")?, submitted };
    warm.open();
    let patient = RouteOptions { request_timeout: Some(Duration::from_secs(120)), ..RouteOptions::default() };
    Ok(App::new()
        .route("/ping", get(async || "pong"))
        .route("/submit", post(submit).with_state(app))
        .route("/phase", get(async |handle: Handle| handle.phase().as_str()))
        .route_with("/slow", get(slow), patient)
        .route_with("/block", get(block), patient))
}

async fn submit(
    State(app): State<Shared>,
    handle: Handle,
) -> Result<(StatusCode, String), (StatusCode, Extension<Rejected>)> {
    // A place in the queue first: what cannot be kept must not be promised.
    let Ok(place) = app.queue.try_reserve() else {
        return Err((StatusCode::TOO_MANY_REQUESTS, Extension(Rejected)));
    };
    let id = app.ids.fetch_add(1, Relaxed).to_string();
    place.send(handle.jobs().accept(&id));
    app.submitted.inc();
    Ok((StatusCode::ACCEPTED, id))
}

#[derive(serde::Deserialize)]
struct For {
    ms: u64,
}

async fn slow(Query(For { ms }): Query<For>) -> &'static str {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    "done"
}

/// What nobody should do: the probes, the metrics and the deadline do not mind.
#[expect(clippy::disallowed_methods, reason = "blocking a work thread is the point")]
async fn block(Query(For { ms }): Query<For>) -> &'static str {
    std::thread::sleep(Duration::from_millis(ms));
    "done"
}

// --- workers
// --------------------------------------------------------------------------------------------------------------

/// Works off a queue inside the process: requests may fill it until Releasing, then what is left is finished.
async fn work_off(worker: Worker, mut waiting: mpsc::Receiver<Job>) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            Some(job) = waiting.recv() => job.finish(),
            () = worker.releasing() => break,
        }
    }
    waiting.close();
    while let Some(job) = waiting.recv().await {
        job.finish();
    }
    Ok(())
}

/// Pulls from outside: stops as soon as the process leaves.
async fn tick(worker: Worker) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_secs(60));
    loop {
        tokio::select! {
            _ = ticks.tick() => tracing::debug!("tick"),
            () = worker.leaving() => return Ok(()),
        }
    }
}
