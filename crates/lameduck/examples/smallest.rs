//! The smallest service: `cargo run -p lameduck --example smallest`, then `curl localhost:8080/ping`, then Ctrl-C.

use axum::{Router, routing::get};
use lameduck::Service;

fn main() -> std::process::ExitCode {
    lameduck::run(Service::new("smallest").routes(|_| async { Ok(Router::new().route("/ping", get(async || "pong"))) }))
}
