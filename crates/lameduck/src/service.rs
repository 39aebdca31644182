//! What a service consists of, said once: routes, workers, dependencies, settings.

use crate::cli::About;
use crate::config::{Config, Settings};
use crate::dependency::{Dependency, Named};
use crate::gates::{Gate, Gates};
use crate::handle::Handle;
use crate::jobs::Jobs;
use crate::workers::{PendingWorker, Worker};
use futures_util::future::BoxFuture;
use lameduck_server::App;
use prometheus::Registry;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

type Routes<S> = Box<dyn FnOnce(Start<S>) -> BoxFuture<'static, anyhow::Result<App>> + Send>;

/// The parts of a service, handed to [`run`](crate::run).
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use lameduck::Service;
///
/// fn main() -> std::process::ExitCode {
///     let service = Service::new("orders").routes(|_| async { Ok(Router::new().route("/", get(async || "orders"))) });
///     lameduck::run(service)
/// }
/// ```
#[must_use = "a service does nothing until it is run"]
pub struct Service<S = ()> {
    pub(crate) about: About,
    pub(crate) routes: Routes<S>,
    pub(crate) workers: Vec<PendingWorker>,
    pub(crate) dependencies: Vec<Named>,
}

impl Service {
    /// A service without routes, of the name that logs and metrics show unless `service.name` says otherwise.
    pub fn new(name: &'static str) -> Self {
        Self {
            about: About { name, version: "0.0.0", summary: "" },
            routes: Box::new(|_| Box::pin(async { Ok(App::new()) })),
            workers: Vec::new(),
            dependencies: Vec::new(),
        }
    }

    /// Adds sections of its own to the configuration: read with the engine's, checked with them, documented with them, and
    /// handed to [`routes`](Self::routes), which therefore comes after this.
    pub fn settings<S: Settings>(self) -> Service<S> {
        let Self { about, workers, dependencies, .. } = self;
        Service { about, routes: Box::new(|_| Box::pin(async { Ok(App::new()) })), workers, dependencies }
    }
}

impl<S: Settings> Service<S> {
    /// The version that logs and metrics show: `env!("CARGO_PKG_VERSION")`.
    pub fn version(mut self, version: &'static str) -> Self {
        self.about.version = version;
        self
    }

    /// What it does, in a sentence: the first line of `--help`.
    pub fn summary(mut self, summary: &'static str) -> Self {
        self.about.summary = summary;
        self
    }

    /// Builds the routes: an axum `Router` or an [`App`]. Called once, on the work runtime, when every dependency answers; it may
    /// wait, up to `stages.readiness_timeout`. Its error ends the start.
    pub fn routes<F, Fut, A>(mut self, build: F) -> Self
    where
        F: FnOnce(Start<S>) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<A>> + Send + 'static,
        A: Into<App>,
    {
        self.routes = Box::new(move |start| {
            let building = build(start);
            Box::pin(async move { Ok(building.await?.into()) })
        });
        self
    }

    /// Adds a background task; see [`Worker`]. Workers start when the service is ready, in this order, and end in reverse.
    pub fn worker<F, Fut>(mut self, name: impl Into<String>, run: F) -> Self
    where
        F: FnOnce(Worker) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.workers.push(PendingWorker::new(name, run));
        self
    }

    /// Adds something the service needs: a gate at start-up, released at the end. Those that `stages.dependencies` names come
    /// first, then these, in this order.
    pub fn dependency(mut self, name: impl Into<String>, kind: impl Dependency) -> Self {
        self.dependencies.push(Named::new(name, kind));
        self
    }

    /// As [`dependency`](Self::dependency), and /readyz says 503 while it does not answer: after three failed checks in a row,
    /// until two good ones.
    ///
    /// Think twice: when a dependency that all replicas share goes, all of them become unready at once.
    pub fn dependency_for_readiness(mut self, name: impl Into<String>, kind: impl Dependency) -> Self {
        self.dependencies.push(Named::new(name, kind).with_readiness());
        self
    }
}

impl<S> std::fmt::Debug for Service<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { about, workers, dependencies, .. } = self;
        let mut shown = f.debug_struct("Service");
        shown.field("about", about).field("workers", workers);
        shown.field("dependencies", dependencies).finish_non_exhaustive()
    }
}

/// What [`Service::routes`] is given to build from. A cheap handle.
#[derive(Clone)]
pub struct Start<S = ()> {
    pub(crate) common: Common,
    pub(crate) settings: Arc<S>,
}

/// The part of [`Start`] that every service has.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) config: Arc<Config>,
    pub(crate) handle: Handle,
    pub(crate) registry: Registry,
    pub(crate) gates: Gates,
    pub(crate) workers: Arc<Mutex<Vec<PendingWorker>>>,
}

impl<S> Start<S> {
    /// The service's own settings.
    pub fn settings(&self) -> &Arc<S> {
        &self.settings
    }

    /// The engine's settings.
    pub fn config(&self) -> &Config {
        &self.common.config
    }

    /// The lifecycle.
    pub fn handle(&self) -> &Handle {
        &self.common.handle
    }

    /// Where jobs are accepted.
    pub fn jobs(&self) -> &Jobs {
        self.common.handle.jobs()
    }

    /// Where the service registers metrics of its own: /metrics tells them with the engine's. They are collected on the control
    /// thread, so a collector must not block.
    pub fn registry(&self) -> &Registry {
        &self.common.registry
    }

    /// Adds a background task that is only known now, after those of [`Service::worker`]. To be called before
    /// [`Service::routes`] returns; later there is nobody to start it.
    pub fn worker<F, Fut>(&self, name: impl Into<String>, run: F)
    where
        F: FnOnce(Worker) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.common.workers.lock().unwrap_or_else(PoisonError::into_inner).push(PendingWorker::new(name, run));
    }

    /// Shuts a gate: the service is not ready until it is opened.
    pub fn gate(&self, name: impl Into<String>) -> Gate {
        self.common.gates.shut(name.into())
    }
}

impl<S> std::fmt::Debug for Start<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Start").field("handle", &self.common.handle).finish_non_exhaustive()
    }
}
