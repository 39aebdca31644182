//! The sample's binary as a child process.

pub use lameduck_testing::{Service, eventually, free_addresses};
use std::path::Path;
use std::process::Command;

/// The command of the binary.
pub fn command() -> Command {
    Command::new(binary())
}

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_lameduck-service"))
}

/// Starts the service with these keys, and waits until it is ready.
#[track_caller]
pub fn start(keys: &[(&str, &str)]) -> Service {
    Service::start(binary(), &with_free_ports(keys))
}

/// Whether /metrics has this line.
pub fn metric(service: &Service, line: &str) -> Option<()> {
    lameduck_testing::get(service.admin, "/metrics").text().lines().any(|found| found == line).then_some(())
}

/// Starts the service and does not wait.
#[track_caller]
pub fn start_unready(keys: &[(&str, &str)]) -> Service {
    Service::spawn(command(), &with_free_ports(keys))
}

/// The port for gRPC is any that is free, unless a key says otherwise.
pub fn with_free_ports<'a>(keys: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let grpc = cfg!(feature = "grpc").then_some(("listen.grpc", "127.0.0.1:0"));
    grpc.into_iter().chain(keys.iter().copied()).collect()
}
