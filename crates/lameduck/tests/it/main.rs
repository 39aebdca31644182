//! The engine inside the test's process: no signals, free ports, real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where by panicking")]

mod admin;
mod adopt;
mod client;
mod dependencies;
mod endings;
mod handle;
mod health;
mod listeners;
mod run;
mod start;
mod support;
mod telemetry;
#[cfg(feature = "tls")]
mod tls;
mod workers;
