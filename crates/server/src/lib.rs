//! The work server: accept loop, connection table, request guard, ways of closing.

mod access;
mod app;
mod bound;
mod cells;
mod clock;
mod histogram;
pub mod hold;
mod kernel;
mod numbers;
mod options;
mod server;

pub use access::{Access, AccessLog, Record, Which};
pub use app::{App, RouteOptions};
pub use bound::{BindError, Bound};
pub use histogram::{BOUNDS_SECONDS, HistogramSnapshot, RouteHistogram};
pub use hold::IdleHold;
pub use numbers::{AcceptErrors, Arrivals, Numbers};
pub use options::{Closings, Http2Options, Limits, Options};
pub use server::Server;
