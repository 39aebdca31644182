//! What a service consists of, said once: routes, workers, dependencies, settings.

mod start;

pub(crate) use start::Common;
pub use start::Start;

use crate::cli::{About, Invocation};
use crate::config::{
    self, ConfigErrors, Declared, Key, Kind, Loaded, Need, Pace, Section, ServiceKeys, Settings, Sources,
};
use crate::dependency::{AnyKind, Dependency, DependencyKind, Named, built_in};
use crate::workers::{PendingWorker, Worker};
use futures_util::future::BoxFuture;
use lameduck_server::{App, Protocols};
use std::ffi::OsString;
use std::future::Future;

/// A dependency that the service's code brings.
pub(crate) struct Coded<S> {
    pub(crate) declared: Declared,
    pub(crate) build: BuildDependency<S>,
}

/// Builds a dependency from the settings.
pub(crate) type BuildDependency<S> = Box<dyn FnOnce(&S, Need, Pace) -> Named + Send>;

/// Builds the routes of a listener from what is known at start-up.
pub(crate) type Build<T> = Box<dyn FnOnce(T) -> BoxFuture<'static, anyhow::Result<App>> + Send>;

/// Adds to the routes of the work port.
pub(crate) type Extend<S> = Box<dyn FnOnce(Start<S>, App) -> BoxFuture<'static, anyhow::Result<App>> + Send>;

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
    pub(crate) extensions: Vec<Extend<S>>,
    sections: Vec<Section>,
    pub(crate) workers: Vec<PendingWorker>,
    pub(crate) dependencies: Vec<Coded<S>>,
    pub(crate) kinds: Vec<AnyKind>,
    pub(crate) logging: Logging,
    arguments: Option<Vec<OsString>>,
}

/// A work listener: its name, the key of its address, its routes.
pub(crate) struct Listener<S> {
    pub(crate) name: &'static str,
    pub(crate) protocols: Protocols,
    /// `None`: `listen.http`, which the engine itself declares.
    pub(crate) key: Option<&'static Key>,
    pub(crate) build: Build<Start<S>>,
}

impl<S: 'static> Listener<S> {
    /// The listener that every service has, without routes so far.
    fn http() -> Self {
        Self {
            name: "http",
            protocols: Protocols::All,
            key: None,
            build: Box::new(|_| Box::pin(async { Ok(App::new()) })),
        }
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
            extensions: Vec::new(),
            sections: Vec::new(),
            workers: Vec::new(),
            dependencies: Vec::new(),
            kinds: built_in(),
            logging: Logging::Engine,
            arguments: None,
        }
    }

    /// Adds sections of its own to the configuration: read with the engine's, checked with them, documented with them,
    /// and handed to [`routes`](Self::routes), [`listener`](Self::listener) and dependencies, which therefore come
    /// after this.
    ///
    /// # Panics
    /// If a dependency was added before: it could not see the settings.
    pub fn settings<S: Settings>(self) -> Service<S> {
        let Self { about, sections, workers, dependencies, kinds, logging, arguments, .. } = self;
        assert!(dependencies.is_empty(), "Service::settings must come before Service::dependency");
        Service {
            about,
            listeners: vec![Listener::http()],
            extensions: Vec::new(),
            sections,
            workers,
            dependencies: Vec::new(),
            kinds,
            logging,
            arguments,
        }
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

    /// Builds the routes: an axum `Router` or an [`App`]. Called once, on the work runtime, when every dependency
    /// answers; it may wait, up to `stages.readiness_timeout`. Its error ends the start.
    pub fn routes<F, Fut, A>(mut self, build: F) -> Self
    where
        F: FnOnce(Start<S>) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<A>> + Send + 'static,
        A: Into<App>,
    {
        self.listeners[0].build = boxed(build);
        self
    }

    /// Adds a listener with routes of its own. `key` declares where it listens: its path is `listen.NAME`, and it
    /// exists in the configuration, `check` and the reference page because it is registered here. All listeners share
    /// one connection table, one ledger and one drain; `build` is called as that of [`routes`](Self::routes).
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
    pub fn listener<F, Fut, A>(self, key: &'static Key, build: F) -> Self
    where
        F: FnOnce(Start<S>) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<A>> + Send + 'static,
        A: Into<App>,
    {
        self.listener_for(Protocols::All, key, build)
    }

    /// As [`listener`](Self::listener), for these protocols alone: a client that begins with another is disconnected.
    ///
    /// # Panics
    /// As [`listener`](Self::listener).
    pub fn listener_for<F, Fut, A>(mut self, protocols: Protocols, key: &'static Key, build: F) -> Self
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
        self.listeners.push(Listener { name, protocols, key: Some(key), build: boxed(build) });
        self
    }

    /// Adds a section to the configuration, for a crate that adds something to any service; [`Start::value`] reads it.
    /// A service declares its own keys by [`settings`](Self::settings).
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// Adds to the routes of the work port, however they are built: for a crate that adds something to any service.
    pub fn extend_routes<F, Fut>(mut self, extend: F) -> Self
    where
        F: FnOnce(Start<S>, App) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<App>> + Send + 'static,
    {
        self.extensions.push(Box::new(move |start, app| Box::pin(extend(start, app))));
        self
    }

    /// Leaves `tracing` to the program: [`run`](crate::run) sets up no subscriber, and the keys `log.*` have no effect.
    /// For a service that has its own layers (OpenTelemetry, Sentry); set them up in `main`, before `run`.
    ///
    /// The engine still writes its events through `tracing`; what a subscriber has buffered at the end is the program's
    /// to flush, after `run` has returned.
    pub fn own_logging(mut self) -> Self {
        self.logging = Logging::Program;
        self
    }

    /// Uses these arguments instead of those of the process, without the name of the program. For a program that has
    /// its own command line: it reads that first, then hands over what is the engine's, if anything (`--config FILE`,
    /// `check`).
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

    /// How the process was started, as far as it is the engine's.
    pub(crate) fn invocation(&mut self) -> Invocation {
        let process = Invocation::of_this_process();
        let program = process.arguments.first().cloned().unwrap_or_else(|| self.about.name.into());
        let arguments = match self.arguments.take() {
            Some(own) => std::iter::once(program).chain(own).collect(),
            None => process.arguments,
        };
        let defaults = vec![("service.name", self.about.name.to_owned())];
        Invocation { arguments, defaults, ..process }
    }

    /// Adds a background task; see [`Worker`]. Workers start when the service is ready, in this order, and end in
    /// reverse.
    pub fn worker<F, Fut>(mut self, name: impl Into<String>, run: F) -> Self
    where
        F: FnOnce(Worker) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.workers.push(PendingWorker::new(name, run));
        self
    }

    /// Adds something the service needs, built from its settings: a gate at start-up, released at the end. Those that
    /// the configuration names come first, then these, in this order; all are connected at the same time and released
    /// in reverse. [`Start::dependency`] returns the handle. Operators can set `dependencies.NAME.required: true`,
    /// `connect_timeout` and `check_interval`.
    ///
    /// # Panics
    /// If the name is used twice.
    pub fn dependency<D: Dependency>(
        self,
        name: impl Into<String>,
        build: impl FnOnce(&S) -> D + Send + 'static,
    ) -> Self {
        self.coded(name.into(), Need::AtStart, false, build)
    }

    /// As [`dependency`](Self::dependency), unless the operator configures one of a kind under this name, which then
    /// takes its place: what the service uses when it runs alone.
    ///
    /// # Panics
    /// If the name is used twice.
    pub fn default_dependency<D: Dependency>(
        self,
        name: impl Into<String>,
        build: impl FnOnce(&S) -> D + Send + 'static,
    ) -> Self {
        self.coded(name.into(), Need::AtStart, true, build)
    }

    /// As [`dependency`](Self::dependency), and /readyz returns 503 while it is lost: after three failed checks in a
    /// row, until two good ones.
    ///
    /// Think twice: when a dependency that all replicas share goes, all of them become unready at once.
    pub fn dependency_for_readiness<D: Dependency>(
        self,
        name: impl Into<String>,
        build: impl FnOnce(&S) -> D + Send + 'static,
    ) -> Self {
        self.coded(name.into(), Need::Always, false, build)
    }

    /// Adds something the service can do without: nothing waits for it, it is connected in the background.
    /// [`Start::optional_dependency`] returns its handle when it is there. Operators can make it required.
    pub fn optional_dependency<D: Dependency>(
        self,
        name: impl Into<String>,
        build: impl FnOnce(&S) -> D + Send + 'static,
    ) -> Self {
        self.coded(name.into(), Need::Optional, false, build)
    }

    /// Offers a kind of dependency to operators: `dependencies: {NAME: {KIND: …}}`. [`Start::dependency`] returns the
    /// handle of the one that has the name.
    pub fn dependency_kind<K: DependencyKind>(mut self) -> Self {
        self.kinds.push(AnyKind::of::<K>());
        self
    }

    /// Reads and checks the configuration of this service, its dependencies included: for [`start`](crate::start).
    ///
    /// # Errors
    /// Every error of the load.
    ///
    /// # Panics
    /// As [`config::load`](crate::config::load).
    pub fn load(&self, sources: &Sources) -> Result<Loaded<S>, ConfigErrors> {
        self.keys().load(sources)
    }

    /// What this service adds to the configuration beside its settings.
    pub(crate) fn keys(&self) -> ServiceKeys {
        let listeners = self.listeners.iter().filter_map(|listener| listener.key);
        let listeners = listeners.map(|key| Section { name: "listen", doc: "", keys: std::slice::from_ref(key) });
        ServiceKeys {
            name: self.about.name,
            kinds: self.kinds.iter().map(|kind| kind.keys).collect(),
            declared: self.dependencies.iter().map(|coded| coded.declared.clone()).collect(),
            registered: listeners.chain(self.sections.iter().copied()).collect(),
        }
    }

    fn coded<D: Dependency>(
        mut self,
        name: String,
        need: Need,
        replaceable: bool,
        build: impl FnOnce(&S) -> D + Send + 'static,
    ) -> Self {
        let twice = self.dependencies.iter().any(|coded| coded.declared.name == name);
        assert!(!twice, "the service has two dependencies called {name}");
        let declared = Declared { name: name.clone(), need, replaceable };
        let build = move |settings: &S, need, pace| Named::new(name, build(settings), need, pace);
        self.dependencies.push(Coded { declared, build: Box::new(build) });
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
        let dependencies: Vec<_> = dependencies.iter().map(|coded| &coded.declared).collect();
        let mut shown = f.debug_struct("Service");
        shown.field("about", about).field("workers", workers);
        shown.field("dependencies", &dependencies).finish_non_exhaustive()
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
