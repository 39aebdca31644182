//! A small service whose rolling restarts lose nothing. `service.rs` says what it consists of.
// [repository
//!
//! `lameduck new` copies these files: what is marked `sample` with `--sample` only, what is marked `repository` never.
// repository]

#![expect(unreachable_pub, reason = "a binary has no outside: `pub` says what a module offers to the others")]

mod bench; // [repository]
#[allow(dead_code, reason = "for routes that you add")]
mod error;
#[allow(dead_code, reason = "for routes that you add")]
mod extract;
// [repository
#[cfg(feature = "grpc")]
mod grpc;
// repository]
mod keys; // [sample]
mod openapi; // [sample]
mod routes;
mod service;
mod settings;
mod store; // [sample]
mod workers; // [sample]

use std::process::ExitCode;

fn main() -> ExitCode {
    lameduck::run(service::service())
}
