//! The process from its configuration to its report. The one module that knows all the others.
//!
//! [`Configured`] (checked, nothing acquired) → [`Ports`] (reserved) → [`Running`] (the driver drives) → `Report`.
//! `assemble` puts the parts together, `sequence` runs the stages of start-up, `effects` carries out the orders of the
//! machine, `flush` writes the last word, `threads` are the work threads.

mod assemble;
mod bound;
mod effects;
mod flush;
mod sequence;
mod threads;

pub(crate) use assemble::Running;

use crate::clock::Clock;
use crate::config::{self, Config, Loaded, Pace, Prefixes, Settings, Values};
use crate::dependency::{AnyKind, Dependencies, Named};
use crate::events::Events;
use crate::service::{Build, Coded, Common, Extend, Service, Start};
use crate::workers::PendingWorker;
use lameduck_lifecycle::Event;
use lameduck_server::{App, Listen, Protocols};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc;

/// A service with its configuration. Nothing has been acquired.
pub(crate) struct Configured {
    pub(crate) config: Arc<Config>,
    clock: Clock,
    parts: Parts,
    log: Option<Arc<lameduck_telemetry::Guard>>,
}

/// The service without the type of its settings.
struct Parts {
    version: &'static str,
    /// What its environment variables begin with: for messages.
    prefixes: Prefixes,
    listeners: Vec<ListenerPart>,
    workers: Vec<PendingWorker>,
    dependencies: Dependencies,
}

/// A work listener: where it listens, and how its routes are built.
struct ListenerPart {
    name: &'static str,
    protocols: Protocols,
    address: Result<SocketAddr, StartError>,
    build: Build<Common>,
}

/// The ports are ours. No work port listens yet; the admin port does.
pub(crate) struct Ports {
    work: Vec<Listen>,
    admin: std::net::TcpListener,
    pub(crate) addresses: Addresses,
}

/// Where the process can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Addresses {
    /// Requests.
    pub http: SocketAddr,
    /// Probes, metrics, /drain.
    pub admin: SocketAddr,
    others: Vec<(&'static str, SocketAddr)>,
}

impl Addresses {
    /// The address of a work listener by its name: `http`, and those of
    /// [`Service::listener`](crate::Service::listener).
    pub fn listener(&self, name: &str) -> Option<SocketAddr> {
        let others = self.others.iter().find(|(other, _)| *other == name).map(|(_, address)| *address);
        others.or((name == "http").then_some(self.http))
    }
}

/// The start failed before anything ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StartError {
    pub(crate) gate: String,
    pub(crate) error: String,
}

impl StartError {
    pub(crate) fn into_anyhow(self) -> anyhow::Error {
        anyhow::anyhow!("{}: {}", self.gate, self.error)
    }
}

impl From<anyhow::Error> for StartError {
    fn from(error: anyhow::Error) -> Self {
        Self { gate: "engine".to_owned(), error: format!("{error:#}") }
    }
}

impl Configured {
    /// `log`: what Flushing waits for, if the engine set up the log.
    pub(crate) fn new<S: Settings>(
        service: Service<S>,
        loaded: Loaded<S>,
        clock: Clock,
        log: Option<Arc<lameduck_telemetry::Guard>>,
    ) -> Self {
        let prefixes = service.keys().prefixes();
        let Service { about, listeners, mut extensions, workers, dependencies: coded, kinds, .. } = service;
        let Loaded { config, settings, values, .. } = loaded;
        let dependencies = dependencies(&config, &values, &settings, &kinds, coded);
        let (settings, values) = (Arc::new(settings), Arc::new(values));
        let listeners = listeners.into_iter().map(|listener| {
            let (settings, values, build) = (Arc::clone(&settings), Arc::clone(&values), listener.build);
            let address = match listener.key {
                None => Ok(config.listen.http),
                Some(key) => values.find(key.path).ok_or_else(|| StartError {
                    gate: key.path.to_owned(),
                    error: "the configuration was loaded without this listener; load it by Service::load".to_owned(),
                }),
            };
            let (name, protocols) = (listener.name, listener.protocols);
            let extend = if name == "http" { std::mem::take(&mut extensions) } else { Vec::new() };
            let start = move |common| Start { common, settings, values };
            ListenerPart {
                name,
                protocols,
                address,
                build: Box::new(move |common| Box::pin(extended(start(common), build, extend))),
            }
        });
        let listeners = listeners.collect();
        let parts = Parts { version: about.version, prefixes, listeners, workers, dependencies };
        Self { config: Arc::new(config), clock, parts, log }
    }

    /// Reserves the ports.
    ///
    /// # Errors
    /// Which address could not be had, by which key it was asked for, and what to do.
    pub(crate) fn bind(&self) -> Result<Ports, StartError> {
        let fail = |key: &str, error: &lameduck_server::BindError| StartError {
            gate: key.to_owned(),
            error: format!("{error} ({key}, or {} in the environment)", self.parts.prefixes.variable(key)),
        };
        let mut work = Vec::new();
        for ListenerPart { name, protocols, address, .. } in &self.parts.listeners {
            let key = format!("listen.{name}");
            let bound = lameduck_server::Bound::bind(address.clone()?).map_err(|error| fail(&key, &error))?;
            work.push(Listen::new(name, bound).protocols(*protocols));
        }
        let address = self.config.listen.admin;
        let admin = lameduck_server::Bound::bind(address).map_err(|error| fail("listen.admin", &error))?;
        // Probes come before anything else is ready: it listens at once.
        let admin = admin
            .listen_std()
            .map_err(|source| fail("listen.admin", &lameduck_server::BindError { address, source }))?;
        let mut others: Vec<_> = work.iter().map(|listen| (listen.name(), listen.local_addr())).collect();
        let http = others.remove(0).1;
        let addresses = Addresses { http, admin: admin.local_addr().unwrap_or(address), others };
        Ok(Ports { work, admin, addresses })
    }

    /// Starts the driver, the admin port and the sequence of stages, on the current runtime as the control runtime.
    /// What failed so far is a failed start, with a report like any other.
    pub(crate) fn start(
        self,
        ports: Result<Ports, StartError>,
        events: Events,
        receiver: mpsc::Receiver<Event>,
    ) -> Running {
        assemble::start(self, ports, events, receiver)
    }
}

/// The routes of a listener with what was added to them.
async fn extended<S: 'static>(
    start: Start<S>,
    build: Build<Start<S>>,
    extensions: Vec<Extend<S>>,
) -> anyhow::Result<App> {
    let mut app = build(start.clone()).await?;
    for extend in extensions {
        app = extend(start.clone(), app).await?;
    }
    Ok(app)
}

/// Builds the dependencies: those of the configuration, then those of the service's code. Connects to nothing.
fn dependencies<S>(
    config: &Config,
    values: &Values,
    settings: &S,
    kinds: &[AnyKind],
    mut coded: Vec<Coded<S>>,
) -> Dependencies {
    let mut build = |dependency: &config::Dependency| -> Option<Named> {
        let config::Dependency { name, kind, need, pace } = dependency;
        match kind {
            Some(kind) => {
                let kind = kinds.iter().find(|known| known.keys.kind == kind)?;
                // Checked when the configuration was loaded.
                kind.build(name, values, *need, *pace).ok()
            }
            None => {
                let at = coded.iter().position(|coded| coded.declared.name == *name)?;
                Some((coded.remove(at).build)(settings, *need, *pace))
            }
        }
    };
    let mut all: Vec<_> = config.dependencies.iter().filter_map(&mut build).collect();
    coded.retain(|coded| !config.dependencies.iter().any(|known| known.name == coded.declared.name));
    // A configuration that was loaded without this service knows nothing of them.
    all.extend(coded.into_iter().map(|Coded { declared, build }| build(settings, declared.need, Pace::default())));
    Dependencies::new(all)
}
