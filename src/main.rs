//! A small service whose rolling restarts lose nothing. `service.rs` says what it consists of.

#![expect(unreachable_pub, reason = "a binary has no outside: `pub` says what a module offers to the others")]

mod bench;
mod error;
mod extract;
#[cfg(feature = "grpc")]
mod grpc;
mod keys;
mod openapi;
mod routes;
mod service;
mod settings;
mod store;
mod workers;

use std::process::ExitCode;

fn main() -> ExitCode {
    lameduck::run(service::service())
}
