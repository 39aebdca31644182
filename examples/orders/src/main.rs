//! Orders. `service.rs` says what it consists of; start reading there.

#![expect(unreachable_pub, reason = "a binary has no outside: `pub` says what a module offers to the others")]

mod bus;
mod error;
mod orders;
mod problem;
mod projection;
mod routes;
mod service;
mod settings;

use std::process::ExitCode;

fn main() -> ExitCode {
    lameduck::run(service::service())
}
