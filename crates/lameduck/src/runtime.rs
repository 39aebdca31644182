//! The life of the process as types: each step can only be reached through the one before.
//!
//! [`Configured`] (checked, nothing acquired) → [`Bound`] (ports are ours) → [`Running`] (the driver drives) → `Report`. This is
//! the one room that knows all the others.

mod assemble;
mod effects;
mod report;
mod sequence;
mod threads;

pub(crate) use assemble::Running;
pub(crate) use report::{deliver, start_failure_report};

use crate::clock::Clock;
use crate::config::{Config, Settings};
use crate::dependency::Named;
use crate::events::Events;
use crate::service::{Common, Service, Start};
use crate::workers::PendingWorker;
use futures_util::future::BoxFuture;
use lameduck_lifecycle::Event;
use lameduck_server::App;
use std::net::SocketAddr;
use std::sync::Arc;

/// A service with its configuration. Nothing has been acquired.
pub(crate) struct Configured {
    pub(crate) config: Arc<Config>,
    pub(crate) clock: Clock,
    pub(crate) parts: Parts,
}

/// The service without the type of its settings.
pub(crate) struct Parts {
    pub(crate) version: &'static str,
    pub(crate) routes: Box<dyn FnOnce(Common) -> BoxFuture<'static, anyhow::Result<App>> + Send>,
    pub(crate) workers: Vec<PendingWorker>,
    pub(crate) dependencies: Vec<Named>,
}

/// The ports are ours. The work port does not listen yet; the admin port does.
pub(crate) struct Bound {
    pub(crate) configured: Configured,
    pub(crate) http: lameduck_server::Bound,
    pub(crate) admin: std::net::TcpListener,
    pub(crate) addresses: Addresses,
}

/// Where the process can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Requests.
    pub http: SocketAddr,
    /// Probes, metrics, /drain.
    pub admin: SocketAddr,
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

// === impl Configured ===

impl Configured {
    pub(crate) fn new<S: Settings>(service: Service<S>, config: Config, settings: S, clock: Clock) -> Self {
        let Service { about, routes, workers, dependencies } = service;
        let settings = Arc::new(settings);
        let parts = Parts {
            version: about.version,
            routes: Box::new(move |common| routes(Start { common, settings })),
            workers,
            dependencies,
        };
        Self { config: Arc::new(config), clock, parts }
    }

    /// Reserves the ports.
    ///
    /// # Errors
    /// Which address could not be had, by which key it was asked for, and what to do.
    pub(crate) fn bind(self) -> Result<Bound, StartError> {
        let listen = &self.config.listen;
        let fail = |key: &str, error: &lameduck_server::BindError| StartError {
            gate: key.to_owned(),
            error: format!("{error} ({key}, or {} in the environment)", crate::config::environment_name(key)),
        };
        let http = lameduck_server::Bound::bind(listen.http).map_err(|error| fail("listen.http", &error))?;
        let admin = bind_admin(listen.admin)
            .map_err(|source| fail("listen.admin", &lameduck_server::BindError { address: listen.admin, source }))?;
        let addresses = Addresses { http: http.local_addr(), admin: admin.local_addr().unwrap_or(listen.admin) };
        Ok(Bound { configured: self, http, admin, addresses })
    }
}

fn bind_admin(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

impl Bound {
    /// Starts the driver, the admin port and the sequence of stages, on the current runtime as the control runtime.
    ///
    /// # Errors
    /// If the work runtime cannot be had.
    pub(crate) fn start(self, events: Events, receiver: tokio::sync::mpsc::Receiver<Event>) -> anyhow::Result<Running> {
        assemble::start(self, events, receiver)
    }
}
