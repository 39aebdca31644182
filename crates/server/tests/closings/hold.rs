//! Hold: idle clients that speak just after the drain has begun.

use std::time::Duration;

use lameduck_lifecycle::{CloseReason, Outcome};
use lameduck_server::{Closings, IdleHold, Options, Seams};

use crate::client::{Client, Lost, get};
use crate::rig::{PATIENCE, Rig, SOON};

const IDLE: usize = 20;

/// Idle clients that speak right behind the moment at which a drain without holding closes them.
fn lost_of_the_idle(rig: &Rig, held: bool) -> Vec<Lost> {
    let mut idle: Vec<Client> = (0..IDLE).map(|_| rig.idle_client()).collect();

    rig.drain_and_refuse();
    let mut lost = Vec::new();
    for client in &mut idle {
        if !held {
            client.wait_for_fin();
        }
        match client.ask("/ok") {
            Ok(answer) => assert!(answer.says_close(), "a held client is told with its answer: {}", answer.head),
            Err(cause) => lost.push(cause),
        }
    }
    drop(idle);
    rig.drained(SOON);
    lost
}

#[test]
fn idle_clients_that_speak_are_answered() {
    for idle_hold in [IdleHold::Auto, IdleHold::For(Duration::from_secs(60))] {
        let rig = Rig::start(idle_hold, Closings::default());
        assert_eq!(lost_of_the_idle(&rig, true), [], "{idle_hold:?}");
        let ledger = rig.server.snapshot().ledger;
        assert_eq!((ledger.raced, ledger.outcome(Outcome::Late)), (0, IDLE as u64));
    }
}

#[test]
fn control_without_the_hold_they_speak_into_our_fin_and_are_counted() {
    let closings = Closings { hold: false, ..Closings::default() };
    // They must speak while the server still listens behind its close, however busy the machine is.
    let seams = Seams { linger: PATIENCE, ..Seams::default() };
    let rig = Rig::with(Options { closings, seams, ..Options::default() });
    assert_eq!(lost_of_the_idle(&rig, false).len(), IDLE);

    let numbers = rig.server.snapshot();
    assert_eq!(numbers.ledger.raced, IDLE as u64, "the server knows what crossed its FIN");
    assert_eq!(numbers.connections.closed_for(CloseReason::Raced), IDLE as u64);
    assert!(numbers.ledger.raced_expected > 0.0, "and had expected that some might");
}

#[test]
fn a_duration_is_held_to_its_end_and_not_longer() {
    let hold = Duration::from_millis(400);
    let rig = Rig::start(IdleHold::For(hold), Closings::default());
    let client = rig.idle_client();
    let started = std::time::Instant::now();
    rig.drain();
    client.wait_for_fin();
    assert!(started.elapsed() >= hold, "closed after {:?}", started.elapsed());
    drop(client);
    rig.drained(SOON);
}

#[test]
fn a_deadline_that_moves_earlier_ends_the_hold_earlier() {
    let rig = Rig::start(IdleHold::For(Duration::from_secs(60)), Closings::default());
    let client = rig.idle_client();
    rig.drain_and_refuse();
    rig.server.drain(Some(std::time::Instant::now() + Duration::from_secs(1)));
    let started = std::time::Instant::now();
    client.wait_for_fin();
    assert!(started.elapsed() < SOON, "closed after {:?}", started.elapsed());
    drop(client);
    rig.drained(SOON);
}

#[test]
fn a_client_that_closes_at_our_fin_ends_the_linger() {
    let rig = Rig::start(IdleHold::For(Duration::ZERO), Closings::default());
    let clients: Vec<_> = (0..IDLE).map(|_| rig.idle_client()).collect();
    rig.drain();
    for client in clients {
        client.wait_for_fin();
    }
    rig.drained(SOON);
    let numbers = rig.server.snapshot();
    assert_eq!(numbers.ledger.raced, 0);
    assert_eq!(numbers.connections.closed_for(CloseReason::IdleDrained), IDLE as u64);
}

#[test]
fn a_client_that_speaks_into_our_fin_and_stays_holds_the_drain_for_one_linger_only() {
    // Long enough to speak within it on a busy machine.
    let seams = Seams { linger: Duration::from_secs(3), ..Seams::default() };
    let rig = Rig::with(Options { idle_hold: IdleHold::For(Duration::ZERO), seams, ..Options::default() });
    let mut client = rig.idle_client();
    rig.drain();
    client.wait_for_fin();
    client.send(&get("/ok")).unwrap();
    rig.drained(PATIENCE);
    assert_eq!(rig.server.snapshot().ledger.raced, 1);
}
