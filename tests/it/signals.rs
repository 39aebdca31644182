//! Signals to the real process: what clients, probes and the report see.

use crate::process::{Service, eventually};
use lameduck_testing::{self as client, Client};
use serde_json::json;
use std::net::TcpStream;

fn phase(service: &Service) -> String {
    service.drain()["phase"].as_str().unwrap().to_owned()
}

/// Starts a request and waits until it is in flight.
fn slow(service: &Service, ms: u32) -> Client {
    let before = service.drain()["ledger"]["in_flight"].as_u64().unwrap();
    let mut client = Client::connect(service.http).unwrap();
    client.write(format!("GET /bench/slow?ms={ms} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).unwrap();
    eventually("it is in flight", || (service.drain()["ledger"]["in_flight"].as_u64() > Some(before)).then_some(()));
    client
}

#[test]
fn sigterm_serves_through_the_delay_and_finishes_what_is_in_flight() {
    let service =
        crate::process::start(&[("DRAIN__STRATEGY", "delay"), ("DRAIN__DELAY", "2s"), ("BENCH__ENABLED", "true")]);
    let mut in_flight = slow(&service, 1000);
    service.signal(libc::SIGTERM);
    eventually("lame duck", || (phase(&service) == "lame_duck").then_some(()));

    assert_eq!(client::get(service.admin, "/readyz").status, 503);
    assert_eq!(client::get(service.admin, "/livez").status, 200);
    let late = service.get("/ping");
    assert_eq!(late.status, 200, "a new connection is served");
    assert_eq!(in_flight.read(false).unwrap().status, 200, "what was in flight is answered");

    let ended = service.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    let ledger = &ended.report["ledger"];
    assert_eq!(
        (&ledger["started"], &ledger["drained"], &ledger["late"]),
        (&json!(2), &json!(1), &json!(1)),
        "{ledger}"
    );
    assert_eq!((&ledger["in_flight"], &ended.report["exit_code"]), (&json!(0), &json!(0)));
    assert_eq!(ended.report["cause"]["kind"], "terminate");
}

#[test]
fn without_a_delay_new_connections_are_refused_at_once() {
    let service = crate::process::start(&[("DRAIN__STRATEGY", "immediate"), ("BENCH__ENABLED", "true")]);
    let mut in_flight = slow(&service, 1000);
    service.signal(libc::SIGTERM);
    eventually("draining", || (phase(&service) == "draining").then_some(()));
    eventually("a new connection is refused", || TcpStream::connect(service.http).is_err().then_some(()));
    assert_eq!(in_flight.read(false).unwrap().status, 200);
    assert_eq!(service.wait().status.code(), Some(0));
}

#[test]
fn a_second_sigterm_changes_nothing_but_is_counted() {
    let service = crate::process::start(&[("BENCH__ENABLED", "true")]);
    let mut in_flight = slow(&service, 700);
    service.signal(libc::SIGTERM);
    eventually("draining", || (phase(&service) == "draining").then_some(()));
    service.signal(libc::SIGTERM);
    assert_eq!(in_flight.read(false).unwrap().status, 200);
    assert_eq!(service.wait().status.code(), Some(0));
}

#[test]
fn ctrl_c_at_an_idle_service_does_not_wait_for_the_delay() {
    let service = crate::process::start(&[("DRAIN__STRATEGY", "delay"), ("DRAIN__DELAY", "10s")]);
    service.signal(libc::SIGINT);
    let ended = service.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    let waited = ended.report["phases"].as_array().unwrap().iter().find(|phase| phase["phase"] == "lame_duck").cloned();
    assert!(waited.is_none_or(|phase| phase["seconds"].as_f64().unwrap() < 5.0), "{}", ended.report);
}

#[test]
fn further_ctrl_cs_cut_what_is_waited_for() {
    let service = crate::process::start(&[("BENCH__ENABLED", "true")]);
    let mut stuck = slow(&service, 60_000);
    service.signal(libc::SIGINT);
    eventually("draining", || (phase(&service) == "draining").then_some(()));
    service.signal(libc::SIGINT);
    let ended = service.wait();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.log);
    assert_eq!(ended.report["ledger"]["aborted"], 1);
    assert!(stuck.read(false).is_err(), "it was cut");
}

#[test]
fn the_deadline_cuts_and_names_who_was_left() {
    let service = crate::process::start(&[("BENCH__ENABLED", "true"), ("DRAIN__TIMEOUT", "300ms")]);
    let _stuck = slow(&service, 60_000);
    let ended = service.stop();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.log);
    assert!(ended.log.contains("/bench/slow"), "the log names it: {}", ended.log);
    assert_eq!(ended.report["ledger"]["aborted"], 1);
}

#[test]
fn probes_answer_while_every_work_thread_is_blocked() {
    let service = crate::process::start(&[("BENCH__ENABLED", "true"), ("DRAIN__TIMEOUT", "1s")]);
    let _blocked: Vec<_> = (0..64)
        .map(|_| {
            let mut client = Client::connect(service.http).unwrap();
            client.write(b"GET /bench/block?ms=60000 HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            client
        })
        .collect();
    eventually("some handler blocks", || (service.drain()["ledger"]["in_flight"].as_u64() > Some(0)).then_some(()));
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(client::get(service.admin, path).status, 200, "{path}");
    }
    let ended = service.stop();
    assert_eq!(ended.status.code(), Some(3), "the deadline still works: {}", ended.log);
}

#[test]
fn a_drain_call_from_loopback_is_accepted_twice_and_does_the_same_as_sigterm() {
    let service = crate::process::start(&[("DRAIN__STRATEGY", "delay"), ("DRAIN__DELAY", "1s")]);
    for _ in 0..2 {
        assert_eq!(client::request(service.admin, "POST", "/drain", &[], b"").status, 202);
    }
    let ended = service.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    assert_eq!(ended.report["phase"], "exited");
}
