//! Pipelining: what comes behind an answer that says `Connection: close` is not answered (RFC 9112, 9.6), and the
//! reason is on record.

use lameduck_lifecycle::CloseReason;
use lameduck_server::{Closings, IdleHold};

use crate::client::{Lost, get};
use crate::rig::{Rig, SOON};

#[test]
fn requests_behind_a_close_are_not_answered_and_named() {
    let rig = Rig::start(IdleHold::Auto, Closings::default());
    let mut client = rig.connect();
    client.send(&get("/gate")).unwrap();
    rig.until("in flight", |numbers| numbers.ledger.in_flight() == 1);
    rig.drain_and_refuse();
    client.send(&[get("/ok"), get("/ok")].concat()).unwrap();
    rig.open_gate();

    let answer = client.answer().expect("it was in flight");
    assert!(answer.says_close());
    assert_eq!(client.end(), (vec![], Lost::Closed(0)), "no second answer, and no reset");
    drop(client);
    rig.drained(SOON);

    let numbers = rig.server.snapshot();
    assert_eq!(numbers.connections.closed_for(CloseReason::Pipelined), 1, "{:?}", numbers.connections);
    assert_eq!(numbers.ledger.raced, 0, "the client was told in time: that is no race");
}

#[test]
fn pipelined_requests_before_the_notice_are_all_answered() {
    let rig = Rig::start(IdleHold::Auto, Closings::default());
    let mut client = rig.connect();
    client.send(&[get("/ok"), get("/ok"), get("/ok")].concat()).unwrap();
    for _ in 0..3 {
        client.answer().expect("nobody leaves");
    }
}
