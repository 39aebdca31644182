//! Readers: a slow one gets its whole body; one that has stopped is cut at the deadline, by name.

use std::time::Duration;

use lameduck_lifecycle::{CloseReason, ConnectionState, Outcome};
use lameduck_server::{Closings, IdleHold};

use crate::client::{Client, get};
use crate::rig::{Rig, SOON};

/// More than the kernel buffers of both ends hold together.
const LARGE_BYTES: usize = 32 << 20;

/// Fits the server's send buffer, and not the client's narrow receive buffer.
const SMALL_BYTES: usize = 200_000;

fn rig() -> Rig {
    Rig::start(IdleHold::Auto, Closings::default())
}

#[test]
fn a_slow_reader_gets_its_whole_body() {
    let rig = rig();
    let mut client = rig.connect();
    client.send(&get(&format!("/bytes/{LARGE_BYTES}"))).unwrap();
    client.read_at_least(1).unwrap();

    rig.drain_and_refuse();
    assert!(!rig.is_drained(), "the body is under way");
    let answer = client.answer().expect("all of it");
    assert_eq!(answer.body.len(), LARGE_BYTES);
    drop(client);
    rig.drained(SOON);
    assert_eq!(rig.server.snapshot().ledger.outcome(Outcome::Drained), 1);
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
#[test]
fn bytes_that_the_kernel_still_has_to_send_hold_the_drain_beyond_the_linger() {
    let rig = rig();
    let mut client = Client::connect_narrow(rig.address).unwrap();
    client.send(&get(&format!("/bytes/{SMALL_BYTES}"))).unwrap();
    rig.until("answered", |numbers| numbers.ledger.ended() == 1);

    rig.drain();
    rig.until("half-closed", |numbers| numbers.connections.in_state(ConnectionState::Closing) == 1);
    // Longer than the linger: only the unsent bytes can hold it.
    rig.pass(Duration::from_millis(900));
    assert!(!rig.is_drained(), "the client's kernel does not have the answer yet");

    assert_eq!(client.answer().expect("all of it").body.len(), SMALL_BYTES);
    drop(client);
    rig.drained(SOON);
}

/// Cuts a drain at its deadline, and whether the one that was left is named.
#[track_caller]
fn is_cut_by_name(rig: &Rig, name: &str) {
    rig.drain_and_refuse();
    let stragglers = rig.server.stragglers(10);
    assert!(stragglers.iter().any(|straggler| straggler.name.contains(name)), "{name} is not in {stragglers:#?}");
    assert!(!rig.is_drained());

    rig.force();
    rig.drained(SOON);
    let numbers = rig.server.snapshot();
    assert_eq!(numbers.ledger.outcome(Outcome::Aborted), 1, "{:?}", numbers.ledger);
    assert_eq!(numbers.connections.closed_for(CloseReason::Forced), 1);
}

#[test]
fn a_reader_that_has_stopped_is_cut_at_the_deadline_by_name() {
    let rig = rig();
    let mut client = rig.connect();
    client.send(&get(&format!("/bytes/{LARGE_BYTES}"))).unwrap();
    client.read_at_least(1).unwrap();
    is_cut_by_name(&rig, "/bytes/");
}

#[test]
fn a_body_without_an_end_is_cut_at_the_deadline_by_name() {
    let rig = rig();
    let mut client = rig.connect();
    client.send(&get("/endless")).unwrap();
    client.read_at_least(1).unwrap();
    is_cut_by_name(&rig, "/endless");
}

#[test]
fn a_handler_that_does_not_answer_is_cut_at_the_deadline_by_name() {
    let rig = rig();
    let mut client = rig.connect();
    client.send(&get("/gate")).unwrap();
    rig.until("in flight", |numbers| numbers.ledger.in_flight() == 1);
    is_cut_by_name(&rig, "/gate");
}

#[test]
fn force_ends_everything_at_once() {
    let rig = rig();
    let mut busy = rig.connect();
    busy.send(&get("/gate")).unwrap();
    let idle = rig.idle_client();
    rig.until("in flight", |numbers| numbers.ledger.in_flight() == 1);
    rig.server.force();
    rig.drained(SOON);
    idle.wait_for_close();
    busy.wait_for_close();
}
