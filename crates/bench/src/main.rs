//! What the engine and the service cost beside bare `axum::serve`: one run, interleaved rounds, ratios within a round.
//!
//! `lameduck-bench` measures, `lameduck-bench serve CANDIDATE` is what it measures: the same routes, once under bare
//! axum, once under the engine, each in its own process. The service's binary joins when it has been built. Absolute
//! numbers depend on the machine and its mood; ratios hold.

#[cfg(target_os = "linux")]
mod candidate;
#[cfg(target_os = "linux")]
mod child;
#[cfg(target_os = "linux")]
mod client;
#[cfg(target_os = "linux")]
mod collector;
#[cfg(target_os = "linux")]
mod measures;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod routes;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod serve;
#[cfg(target_os = "linux")]
mod serve_grpc;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    run::run()
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::print_stderr, reason = "a command-line tool speaks to a person")]
fn main() -> ExitCode {
    eprintln!("lameduck-bench reads process clocks, memory and CPU affinity as Linux has them: run it on Linux");
    ExitCode::FAILURE
}
