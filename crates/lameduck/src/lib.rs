//! Start in stages, serve, leave without losing a request: the engine and its facade.

mod access_log;
mod admin;
pub mod cli;
mod clock;
mod cluster;
pub mod config;
mod dependency;
mod driver;
mod gates;
mod handle;
mod jobs;
mod life;
mod liveness;
mod metrics;
mod observer;
mod release;
mod report_file;
mod run;
mod service;
mod signals;
mod startup;
mod workers;

pub use anyhow;
pub use axum;
pub use dependency::{Dependency, DependencyError, Http, HttpUrlError, Tcp};
pub use gates::Gate;
pub use handle::{Handle, NoEngine};
pub use jobs::{Job, Jobs};
pub use lameduck_lifecycle::{PhaseName, Report};
pub use lameduck_server::{App, Rejected, RouteOptions};
pub use prometheus;
pub use run::run;
pub use service::{Service, Start};
pub use startup::Addresses;
pub use workers::Worker;
