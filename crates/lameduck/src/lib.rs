//! Start in stages, serve, leave without losing a request: the engine of a service, and its facade.
//!
//! A rolling restart loses nothing, takes no longer than it must, and the report says exactly what happened. The
//! service declares what it consists of; the engine adds staged start-up with named gates, probes and metrics on a
//! separate thread, a lame-duck phase in which clients are asked to leave while everything is still served, a drain, an
//! ordered release, and a ledger in which every request has exactly one end.
//!
//! # Three ways in
//!
//! **Start a service.** [`run`] is the whole of `main`: command line, configuration, log, signals, exit code.
//!
//! ```no_run
//! use axum::routing::get;
//! use lameduck::{App, Service};
//!
//! fn main() -> std::process::ExitCode {
//!     lameduck::run(Service::new("orders").version(env!("CARGO_PKG_VERSION")).routes(|_| async {
//!         Ok(App::new().json_errors().request_ids().request_limits().route("/ping", get(async || "pong")))
//!     }))
//! }
//! ```
//!
//! **Wrap an axum service.** A ready-made `Router` keeps its state, nested routers, layers, fallbacks, extractors and
//! responses; nothing is added that was not asked for. A program that sets up `tracing` itself or has its own command
//! line says so.
//!
//! ```no_run
//! # fn existing_router() -> axum::Router { axum::Router::new() }
//! use lameduck::Service;
//!
//! fn main() -> std::process::ExitCode {
//!     // tracing_subscriber::registry()…init();
//!     let service = Service::new("orders").routes(|_| async { Ok(existing_router()) });
//!     lameduck::run(service.own_logging().arguments::<&str>([]))
//! }
//! ```
//!
//! Replace `axum::serve` and `#[tokio::main]` by this `main`: `run` starts its own threads. `RUST_LOG` counts where
//! `log.level` is not set. WebSockets and server-sent events end themselves at [`Handle::draining`]; otherwise the
//! deadline ends them.
//!
//! **Embed the engine.** In tests, or in a program whose `main` does more: [`start`] returns a handle to the running
//! service; [`Engine::builder`] adds logging and signals.
//!
//! ```
//! use axum::{Router, routing::get};
//! use lameduck::config::Sources;
//! use lameduck::{PhaseName, Service};
//!
//! # fn main() -> anyhow::Result<()> {
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let service = Service::new("orders").routes(|_| async {
//!     Ok(Router::new().route("/ping", get(async || "pong")))
//! });
//! let environment = [
//!     ("LAMEDUCK_LISTEN__HTTP", "127.0.0.1:0"),
//!     ("LAMEDUCK_LISTEN__ADMIN", "127.0.0.1:0"),
//!     ("LAMEDUCK_DRAIN__STRATEGY", "immediate"),
//! ];
//! let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
//! let loaded = service.load(&Sources { environment, ..Sources::default() })?;
//!
//! let engine = lameduck::start(service, loaded)?;
//! engine.handle().started().await;
//! assert_eq!(engine.handle().phase(), PhaseName::Ready);
//! // engine.addresses().http serves here.
//! engine.shutdown();
//! let report = engine.ended().await;
//! assert_eq!(report.exit.code(), 0);
//! println!("{}", report.sentence()); // left in 0.0 s, drain requested: 0 requests; 0 lost
//! # anyhow::Ok(()) })
//! # }
//! ```
//!
//! # What a service may have
//!
//! | part | how | meaning |
//! |---|---|---|
//! | routes | [`Service::routes`] | an axum `Router`, or an [`App`]: layers, JSON errors, limits for each route ([`RouteOptions`]) |
//! | listeners | [`Service::listener`] | more ports with other routes; one ledger and one drain for all of them |
//! | dependencies | [`Service::dependency`], `dependencies` | a [`Dependency`] is a gate at start-up, a check, a release, and a handle |
//! | gates | [`Start::gate`] | anything else the service must wait for before it is ready |
//! | workers | [`Service::worker`], [`Start::worker`] | a [`Worker`] is notified, waited for, and named if it stays |
//! | jobs | [`Handle::jobs`] | accepted work: a [`Job`] is finished, returned, or lost and named |
//! | settings | [`Service::settings`] | sections of the configuration, checked and documented with the engine's: [`config`] |
//! | files | [`Start::reload`] | keys, tokens, certificates: read again when they change, the last good version in use |
//! | metrics | [`Start::registry`] | exposed with the engine's at `/metrics` |
//! | calls | [`Client`], [`Call`] | outgoing requests with the ids of the one that is served, in the time that it has |
//! | lifecycle | [`Handle`] | phase, time left, [`leaving`](Handle::leaving), [`draining`](Handle::draining): to read, not to change |
//!
//! # What is guaranteed
//!
//! - Nothing is served before every gate is open; until then the work ports refuse connections.
//! - One deadline for the whole exit, on the monotonic clock, only ever moved earlier. A handler that blocks every work
//!   thread stops neither the probes nor the deadline, and neither does a disk that has stopped or a log that no
//!   process reads.
//! - Every request that reached the server ends as exactly one outcome, and the report adds up.
//! - `SIGTERM` again changes nothing; `SIGINT` goes one step further each time.
//! - The process ends when [`run`] returns and `main` with it: 3 if work was lost, else 1 if the start or a part
//!   failed, 2 for a wrong command line or configuration, else 0.
//!
//! Not guaranteed: that a request which crosses the close of an idle HTTP/1 connection is answered (HTTP/1 has no way
//! to do that); the server closes such connections late, counts what crossed, and publishes how many it expected.
//!
//! # Features
//!
//! `cluster`: ask the Kubernetes API about this pod while leaving (`drain.strategy: observe`), and put Events on it.
//! Without it, or outside of a cluster, `observe` waits for `drain.delay`.
//!
//! `tls`: TLS at the work ports (`tls.*`), from files that are read again when they change; with `tls.client_ca_file`
//! each request has the certificate of its client in its extensions, as `ClientCertificate`.

mod access_log;
mod admin;
mod advisor;
mod call;
pub mod cli;
mod client;
mod clock;
mod cluster;
pub mod config;
mod dependency;
#[cfg(feature = "cluster")]
mod drain_test;
mod driver;
mod engine;
mod events;
#[cfg(feature = "traces")]
mod exit_trace;
mod gates;
mod handle;
mod jobs;
mod liveness;
mod metrics;
mod observer;
mod recent;
mod release;
mod reload;
mod report_file;
mod requests;
mod run;
mod runtime;
mod service;
mod signals;
mod telemetry;
#[cfg(feature = "tls")]
mod tls;
mod workers;

pub use anyhow;
pub use axum;
pub use call::Call;
pub use client::Client;
pub use config::HttpUrlError;
pub use dependency::{
    Dependency, DependencyConfig, DependencyError, DependencyKind, DependencyNotFound, DependencyUsage, Http, Tcp,
    WhenConnected,
};
pub use engine::{Engine, EngineBuilder, start};
pub use gates::Gate;
pub use handle::{Handle, NoEngine};
pub use jobs::{Job, Jobs};
pub use lameduck_client::{CallError, CertificateError, Options as ClientOptions, Roots};
pub use lameduck_lifecycle::{PhaseName, Report};
#[cfg(feature = "tls")]
pub use lameduck_server::tls::{ClientCertificate, TlsVersion};
pub use lameduck_server::{
    App, Began, Connection, Goodbye, Interest, Protocols, Record, Rejected, RequestObserver, RequestScope, RouteOptions,
};
pub use lameduck_telemetry::{Context as RequestContext, Trace};
pub use prometheus;
pub use reload::Reloaded;
pub use run::run;
pub use runtime::Addresses;
pub use service::{Service, Start};
pub use workers::Worker;

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
