//! What a service consists of, said once: routes, workers, dependencies, settings.

use crate::cli::{About, Invocation};
use crate::config::{self, Config, Key, Kind, Loaded, Settings};
use crate::dependency::{Dependency, Named};
use crate::gates::{Gate, Gates};
use crate::handle::Handle;
use crate::jobs::Jobs;
use crate::workers::{PendingWorker, Worker};
use futures_util::future::BoxFuture;
use lameduck_server::App;
use prometheus::Registry;
use std::ffi::OsString;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

/// Builds the routes of a listener from what is known at start-up.
pub(crate) type Build<T> = Box<dyn FnOnce(T) -> BoxFuture<'static, anyhow::Result<App>> + Send>;

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
    /// The first one is `http`.
    pub(crate) listeners: Vec<Listener<S>>,
    pub(crate) workers: Vec<PendingWorker>,
    pub(crate) dependencies: Vec<Named>,
    pub(crate) logging: Logging,
    arguments: Option<Vec<OsString>>,
}

/// A work listener: its name, the key of its address, its routes.
pub(crate) struct Listener<S> {
    pub(crate) name: &'static str,
    /// `None`: `listen.http`, which the engine itself declares.
    pub(crate) key: Option<&'static Key>,
    pub(crate) build: Build<Start<S>>,
}

impl<S: 'static> Listener<S> {
    /// The listener that every service has, without routes so far.
    fn http() -> Self {
        Self { name: "http", key: None, build: Box::new(|_| Box::pin(async { Ok(App::new()) })) }
    }
}

/// Who sets up `tracing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logging {
    Engine,
    Program,
}

impl Service {
    /// A service without routes, of the name that logs and metrics show unless `service.name` says otherwise.
    pub fn new(name: &'static str) -> Self {
        Self {
            about: About { name, version: "0.0.0", summary: "" },
            listeners: vec![Listener::http()],
            workers: Vec::new(),
            dependencies: Vec::new(),
            logging: Logging::Engine,
            arguments: None,
        }
    }

    /// Adds sections of its own to the configuration: read with the engine's, checked with them, documented with them, and
    /// handed to [`routes`](Self::routes) and [`listener`](Self::listener), which therefore come after this.
    pub fn settings<S: Settings>(self) -> Service<S> {
        let Self { about, workers, dependencies, logging, arguments, .. } = self;
        Service { about, listeners: vec![Listener::http()], workers, dependencies, logging, arguments }
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
        self.listeners[0].build = boxed(build);
        self
    }

    /// Adds a listener with routes of its own. `key` declares where it listens: its path is `listen.NAME`, and it exists in the
    /// configuration, `check` and the reference page because it is registered here. All listeners share one connection table,
    /// one ledger and one drain; `build` is called as that of [`routes`](Self::routes).
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use lameduck::Service;
    /// use lameduck::config::{Key, Kind};
    ///
    /// const INTERNAL: Key = Key::new("listen.internal", Kind::Address, "0.0.0.0:8082", "Requests of other teams.");
    ///
    /// let service = Service::new("orders")
    ///     .routes(|_| async { Ok(Router::new().route("/orders", get(async || "orders"))) })
    ///     .listener(&INTERNAL, |_| async { Ok(Router::new().route("/rebuild", get(async || "done"))) });
    /// ```
    ///
    /// # Panics
    /// If `key` is not an address below `listen.`, or its name is taken.
    pub fn listener<F, Fut, A>(mut self, key: &'static Key, build: F) -> Self
    where
        F: FnOnce(Start<S>) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<A>> + Send + 'static,
        A: Into<App>,
    {
        let name = key.path.strip_prefix("listen.").filter(|name| config::is_name(name));
        let name = name.unwrap_or_else(|| panic!("{} is not the key of a listener: name it listen.NAME", key.path));
        assert!(matches!(key.kind, Kind::Address), "{} must be of Kind::Address", key.path);
        let taken = name == "admin" || self.listeners.iter().any(|listener| listener.name == name);
        assert!(!taken, "there are two listeners of the name {name}");
        self.listeners.push(Listener { name, key: Some(key), build: boxed(build) });
        self
    }

    /// Leaves `tracing` to the program: [`run`](crate::run) sets up no subscriber, and the keys `log.*` have no effect. For a
    /// service that has its own layers (OpenTelemetry, Sentry); set them up in `main`, before `run`.
    ///
    /// The engine still writes its events through `tracing`; what a subscriber has buffered at the end is the program's to
    /// flush, after `run` has returned.
    pub fn own_logging(mut self) -> Self {
        self.logging = Logging::Program;
        self
    }

    /// Uses these arguments instead of those of the process, without the name of the program. For a program that has its own
    /// command line: it reads that first, then hands over what is the engine's, if anything (`--config FILE`, `check`).
    ///
    /// ```no_run
    /// use lameduck::Service;
    ///
    /// fn main() -> std::process::ExitCode {
    ///     let own = std::env::args().nth(1); // or clap
    ///     println!("hello {own:?}");
    ///     lameduck::run(Service::new("orders").arguments::<&str>([]))
    /// }
    /// ```
    pub fn arguments<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments = Some(arguments.into_iter().map(Into::into).collect());
        self
    }

    /// Reads and checks the configuration of this service: the engine's sections, its own, and what it registered. For
    /// [`start`](crate::start); [`run`](crate::run) does it by itself.
    ///
    /// # Errors
    /// As [`config::load`].
    pub fn load(&self, sources: &config::Sources) -> Result<Loaded<S>, config::ConfigErrors> {
        config::load_with(sources, &self.sections())
    }

    /// What it registered in the configuration besides the sections of its settings.
    pub(crate) fn sections(&self) -> Vec<config::Section> {
        let keys = self.listeners.iter().filter_map(|listener| listener.key);
        keys.map(|key| config::Section { name: "listen", doc: "", keys: std::slice::from_ref(key) }).collect()
    }

    /// How the process was started, as far as it is the engine's.
    pub(crate) fn invocation(&mut self) -> Invocation {
        let process = Invocation::of_this_process();
        let program = process.arguments.first().cloned().unwrap_or_else(|| self.about.name.into());
        let arguments = match self.arguments.take() {
            Some(own) => std::iter::once(program).chain(own).collect(),
            None => process.arguments,
        };
        let defaults = vec![("service.name", self.about.name.to_owned())];
        Invocation { arguments, defaults, sections: self.sections(), ..process }
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

fn boxed<T, F, Fut, A>(build: F) -> Build<T>
where
    F: FnOnce(T) -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<A>> + Send + 'static,
    A: Into<App>,
{
    Box::new(move |start| {
        let building = build(start);
        Box::pin(async move { Ok(building.await?.into()) })
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_arguments_of_its_own_hands_over_the_engines() {
        let mut service = Service::new("orders").arguments(["check", "--config", "orders.yaml"]);
        let arguments = service.invocation().arguments;
        assert_eq!(arguments[1..], ["check", "--config", "orders.yaml"]);
        let none: [&str; 0] = [];
        assert_eq!(Service::new("orders").arguments(none).invocation().arguments.len(), 1, "the name of the program");
    }
}
