//! Start in stages, serve, leave without losing a request: the engine and its facade.
//!
//! A rolling restart loses nothing, takes no longer than it must, and says exactly what happened. The service says what it
//! consists of; the engine does the rest: staged start-up with named gates, probes and metrics on a thread of their own, a
//! lame-duck phase in which clients are told to leave while everything is still served, a drain, an ordered release, and a ledger
//! in which every request has exactly one end.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use lameduck::Service;
//!
//! fn main() -> std::process::ExitCode {
//!     lameduck::run(Service::new("orders").routes(|_| async {
//!         Ok(Router::new().route("/ping", get(async || "pong")))
//!     }))
//! }
//! ```
//!
//! The same, inside another program, and through a whole life:
//!
//! ```
//! use axum::{Router, routing::get};
//! use lameduck::config::{Sources, load};
//! use lameduck::{PhaseName, Service};
//!
//! # fn main() -> anyhow::Result<()> {
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let environment = [
//!     ("LAMEDUCK_LISTEN__HTTP", "127.0.0.1:0"),
//!     ("LAMEDUCK_LISTEN__ADMIN", "127.0.0.1:0"),
//!     ("LAMEDUCK_DRAIN__STRATEGY", "immediate"),
//! ];
//! let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
//! let loaded = load::<()>(&Sources { environment, ..Sources::default() })?;
//! let service = Service::new("orders").routes(|_| async {
//!     Ok(Router::new().route("/ping", get(async || "pong")))
//! });
//!
//! let engine = lameduck::start(service, loaded)?;
//! engine.handle().started().await;
//! assert_eq!(engine.handle().phase(), PhaseName::Ready);
//! // engine.addresses().http answers here.
//! engine.shutdown();
//! let report = engine.ended().await;
//! assert_eq!(report.exit.code(), 0);
//! println!("{}", report.sentence()); // left in 0.0 s, asked to drain: 0 requests: …
//! # anyhow::Ok(()) })
//! # }
//! ```
//!
//! # What a service may have
//!
//! | part | how | meaning |
//! |---|---|---|
//! | routes | [`Service::routes`] | an axum `Router`, or an [`App`] whose routes may have limits of their own ([`RouteOptions`]) |
//! | dependencies | [`Service::dependency`], `stages.dependencies` | a [`Dependency`] is a gate at start-up, a check, a release |
//! | gates | [`Start::gate`] | anything else the service must wait for before it is ready |
//! | workers | [`Service::worker`], [`Start::worker`] | a [`Worker`] is told to leave, waited for, and named if it stays |
//! | jobs | [`Handle::jobs`] | accepted work: a [`Job`] is finished, given back, or lost and named |
//! | settings | [`Service::settings`] | sections of the configuration, checked and documented with the engine's: [`config`] |
//! | metrics | [`Start::registry`] | told with the engine's at `/metrics` |
//! | lifecycle | [`Handle`] | phase, time left, [`leaving`](Handle::leaving), as extractor and argument: to look, not to change |
//!
//! # What is guaranteed
//!
//! - Nothing is served before every gate is open; until then the work port refuses connections.
//! - One deadline for the whole exit, on the monotonic clock, only ever moved earlier. A handler that blocks every work thread
//!   stops neither the probes nor the deadline.
//! - Every request that reached the server ends as exactly one outcome, and the report adds up.
//! - `SIGTERM` again changes nothing; `SIGINT` goes one step further each time.
//! - The process ends when [`run`] returns and `main` with it: 3 if work was lost, else 1 if the start or a part failed, 2 for a
//!   wrong command line or configuration, else 0.
//!
//! Not guaranteed: that a request which crosses the close of an idle HTTP/1 connection is answered (nobody can); the server
//! closes such connections late, counts what crossed, and says how many it expected.
//!
//! # Features
//!
//! `cluster`: ask the Kubernetes API about this pod while leaving (`drain.strategy: observe`), and put Events on it. Without it, or
//! outside of a cluster, `observe` waits for `drain.delay`.

mod access_log;
mod admin;
pub mod cli;
mod clock;
mod cluster;
pub mod config;
mod dependency;
#[cfg(feature = "cluster")]
mod drain_test;
mod driver;
mod engine;
mod events;
mod gates;
mod handle;
mod jobs;

mod liveness;
mod metrics;
mod observer;
mod release;
mod report_file;
mod run;
mod runtime;
mod service;
mod signals;

mod workers;

pub use anyhow;
pub use axum;
pub use dependency::{Dependency, DependencyError, Http, HttpUrlError, Tcp};
pub use engine::{Engine, EngineBuilder, start};
pub use gates::Gate;
pub use handle::{Handle, NoEngine};
pub use jobs::{Job, Jobs};
pub use lameduck_lifecycle::{PhaseName, Report};
pub use lameduck_server::{
    App, Began, Connection, Interest, Record, Rejected, RequestObserver, RequestScope, RouteOptions,
};
pub use prometheus;
pub use run::run;
pub use runtime::Addresses;
pub use service::{Service, Start};
pub use workers::Worker;

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
