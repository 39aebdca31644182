//! The work server: accept loop, connection table, request guard, ways of closing.
//!
//! ```no_run
//! use axum::routing::get;
//! use lameduck_server::{App, Bound, Options, Server};
//!
//! # async fn main_() -> Result<(), Box<dyn std::error::Error>> {
//! let bound = Bound::bind("127.0.0.1:0".parse()?)?; // the port is ours, nobody can connect
//! let server = Server::new(Options::default());
//! server.serve(bound, App::new().route("/ping", get(|| async { "pong" })))?;
//!
//! server.lame_duck(); // still serving; clients are told to leave
//! server.drain(None); // the listener closes, connections end one by one
//! server.drained().await;
//! server.snapshot().ledger.check()?;
//! # Ok(())
//! # }
//! ```
//!
//! The crate knows tokio, hyper, axum and the vocabulary of `lameduck-lifecycle`. It knows no signals, no configuration
//! files and no Kubernetes: when each verb comes is the engine's decision.

mod accept;
mod admission;
mod app;
mod arrivals;
mod backlog;
mod body;
mod bound;
mod cells;
mod clock;
mod connection;
mod descriptors;
mod drain;
mod error_body;
mod goodbye;
mod guard;
mod histogram;
pub mod hold;
mod in_flight;
mod kernel;
mod ledger;
mod listen;
mod numbers;
mod observer;
mod options;
mod protocols;
mod request_id;
mod request_info;
mod server;
mod service;
mod shared;
mod stragglers;
mod sweep;
mod table;
#[cfg(feature = "tls")]
pub mod tls;
mod transport;

pub use app::{App, RouteOptions};
pub use arrivals::Arrivals;
pub use bound::{BindError, Bound};
pub use descriptors::{DescriptorLimit, Reserve, connections_max, raise_descriptor_limit};
pub use error_body::Rejected;
pub use goodbye::Goodbye;
pub use histogram::{BOUNDS_SECONDS, CallHistogram, HistogramSnapshot, RouteHistogram};
pub use hold::IdleHold;
pub use in_flight::InFlight;
pub use listen::Listen;
pub use numbers::{AcceptErrors, Numbers};
pub use observer::{Began, Interest, Observers, Record, RequestObserver, RequestScope};
#[doc(hidden)]
pub use options::Seams;
pub use options::{Closings, Http2Options, Limits, Options};
pub use protocols::Protocols;
pub use request_info::Connection;
pub use server::Server;
