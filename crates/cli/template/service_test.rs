//! The service as a process, from outside: real sockets, real signals.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use lameduck_testing::{Service, restart_under_load};
use std::path::Path;

/// Starts the service with these configuration keys on free ports, and waits until it is ready.
fn start(keys: &[(&str, &str)]) -> Service {
    // [grpc
    let [grpc] = lameduck_testing::free_addresses();
    let grpc = grpc.to_string();
    let keys = &[keys, &[("listen.grpc", grpc.as_str())][..]].concat();
    // grpc]
    Service::start(Path::new(env!("CARGO_BIN_EXE_@name@")), keys)
}

#[test]
fn ping_is_answered() {
    let service = start(&[]);
    let response = service.get("/ping");
    assert_eq!((response.status, response.text()), (200, r#"{"message":"pong"}"#.to_owned()));
    service.stop().assert_code(0);
}

#[test]
fn errors_are_json() {
    let service = start(&[]);
    let response = service.get("/nowhere");
    assert_eq!(response.status, 404);
    assert!(response.json()["error"].is_string());
}

#[test]
fn a_restart_under_load_loses_nothing() {
    let service = start(&[("drain.strategy", "delay"), ("drain.delay", "300ms")]);
    let (clients, ended) = restart_under_load(service, "/ping");
    ended.assert_code(0);
    assert_eq!(clients.lost, Vec::<String>::new(), "{}", ended.log);
    // What the clients saw, and what the service says about itself.
    let ledger = &ended.report["ledger"];
    let answered: u64 = ["completed", "drained", "late"].iter().map(|outcome| ledger[outcome].as_u64().unwrap()).sum();
    assert_eq!(answered, clients.answered, "{ledger}");
}
