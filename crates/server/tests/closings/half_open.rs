//! Half-open connections: each is reaped by its own bound, and none holds a drain.

use lameduck_lifecycle::CloseReason;
use lameduck_server::{Closings, IdleHold};

use crate::client::{Client, get};
use crate::rig::{Rig, SOON};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const EMPTY_SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
const SETTINGS_ACK: &[u8] = b"\0\0\0\x04\x01\0\0\0\0";

/// Connections in a half-open state do not hold a drain that has begun.
#[track_caller]
fn drains_in_spite_of(begin: impl Fn(&mut Client), reason: CloseReason) {
    let rig = Rig::impatient(reason);
    let mut clients: Vec<Client> = (0..5).map(|_| rig.connect()).collect();
    clients.iter_mut().for_each(begin);
    // A further connection, answered after theirs came: the server knows them all.
    drop(rig.idle_client());

    rig.drain();
    rig.drained(SOON);

    let connections = rig.server.snapshot().connections;
    assert_eq!(connections.closed_for(reason), 5, "{connections:?}");
}

#[test]
fn silence_holds_no_drain() {
    drains_in_spite_of(|_| {}, CloseReason::FirstByteTimeout);
}

#[test]
fn a_header_never_finished_holds_no_drain() {
    drains_in_spite_of(|client| client.send(b"GET /ok HTTP/1.1\r\nho").unwrap(), CloseReason::HeaderTimeout);
}

#[test]
fn a_second_header_never_finished_holds_no_drain() {
    drains_in_spite_of(
        |client| {
            client.ask("/ok").unwrap();
            client.send(b"GET /ok HTTP/1.1\r\nho").unwrap();
        },
        CloseReason::HeaderTimeout,
    );
}

#[test]
fn a_preface_never_finished_holds_no_drain() {
    drains_in_spite_of(|client| client.send(&PREFACE[..10]).unwrap(), CloseReason::HeaderTimeout);
}

#[test]
fn an_http2_peer_that_never_answers_ping_holds_no_drain() {
    drains_in_spite_of(
        |client| {
            client.send(&[PREFACE, EMPTY_SETTINGS, SETTINGS_ACK].concat()).unwrap();
            // The server's own settings: it has understood what we speak.
            client.read_at_least(9).unwrap();
        },
        CloseReason::KeepAliveTimeout,
    );
}

#[test]
fn a_first_header_under_way_is_served_when_it_comes() {
    let rig = Rig::start(IdleHold::Auto, Closings::default());
    let mut clients: Vec<Client> = (0..5).map(|_| rig.connect()).collect();
    for client in &mut clients {
        client.send(b"GET /ok HTTP/1.1\r\nho").unwrap();
    }
    drop(rig.idle_client());

    rig.drain_and_refuse();
    for client in &mut clients {
        client.send(b"st: test\r\n\r\n").unwrap();
        assert!(client.answer().expect("it had begun to speak").says_close());
    }
    drop(clients);
    rig.drained(SOON);
}

#[test]
fn a_fresh_connection_has_a_moment_to_speak() {
    let rig = Rig::start(IdleHold::Auto, Closings::default());
    let mut fresh = rig.connect();
    drop(rig.idle_client());

    rig.drain_and_refuse();
    fresh.send(&get("/ok")).unwrap();
    assert!(fresh.answer().expect("accepted before the drain").says_close());
    drop(fresh);
    rig.drained(SOON);
}
