//! Notice: hot clients leave by themselves, with an answer in hand, before the drain closes anything.

use std::time::Duration;

use lameduck_lifecycle::CloseReason;
use lameduck_server::{Closings, IdleHold};

use crate::client::{Client, Lost};
use crate::rig::{PATIENCE, Rig, SOON};

const HOT: usize = 20;

/// Speaks without a pause until it is told to leave (then it has gone: `None`) or has had its time.
fn speak_until_told(mut client: Client, time: Duration) -> Option<Client> {
    let started = std::time::Instant::now();
    while started.elapsed() < time {
        let answer = client.ask("/ok").expect("a lame duck serves");
        if answer.says_close() {
            let (rest, end) = client.end();
            assert_eq!((rest, end), (vec![], Lost::Closed(0)), "it closes behind what it said");
            return None;
        }
    }
    Some(client)
}

/// Hot clients through a lame duck and into a drain that holds nobody. A client that was never told speaks once more,
/// right behind the close.
fn lost_of_the_hot(closings: Closings, time: Duration) -> (Rig, Vec<Lost>) {
    let rig = Rig::start(IdleHold::For(Duration::ZERO), closings);
    let hot: Vec<Client> = (0..HOT).map(|_| rig.idle_client()).collect();
    rig.lame_duck();
    let untold: Vec<Client> = std::thread::scope(|scope| {
        let speaking: Vec<_> =
            hot.into_iter().map(|client| scope.spawn(move || speak_until_told(client, time))).collect();
        speaking.into_iter().filter_map(|client| client.join().unwrap()).collect()
    });

    rig.drain();
    let lost = untold
        .into_iter()
        .filter_map(|mut client| {
            client.wait_for_close();
            client.ask("/ok").err()
        })
        .collect();
    rig.drained(SOON);
    (rig, lost)
}

#[test]
fn hot_clients_are_told_and_gone_before_the_close() {
    let (rig, lost) = lost_of_the_hot(Closings::default(), PATIENCE);
    assert_eq!(lost, []);
    assert_eq!(rig.server.snapshot().connections.closed_for(CloseReason::Notice), HOT as u64);
}

#[test]
fn control_without_the_notice_they_stay_and_lose() {
    // Longer than the second over which the notice rises.
    let time = Duration::from_millis(1200);
    let (_, lost) = lost_of_the_hot(Closings { notice: false, ..Closings::default() }, time);
    assert_eq!(lost.len(), HOT);
}

#[test]
fn a_new_connection_of_a_lame_duck_is_served_and_told() {
    let rig = Rig::start(IdleHold::Auto, Closings::default());
    rig.lame_duck();
    // Told at the latest when the notice has risen.
    assert!(speak_until_told(rig.connect(), PATIENCE).is_none());
    rig.drain();
    rig.drained(SOON);
}

#[test]
fn without_a_lame_duck_the_answer_in_flight_carries_the_notice() {
    let rig = Rig::start(IdleHold::Auto, Closings::default());
    let mut client = rig.connect();
    client.send(&crate::client::get("/gate")).unwrap();
    rig.until("in flight", |numbers| numbers.ledger.in_flight() == 1);
    rig.drain_and_refuse();
    rig.open_gate();
    let answer = client.answer().expect("it was in flight");
    assert!(answer.says_close());
    assert_eq!(answer.body, b"open");
    drop(client);
    rig.drained(SOON);
}
