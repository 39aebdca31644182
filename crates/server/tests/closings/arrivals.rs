//! Arrivals: what `quiet` and `observe` watch while a lame duck waits for the last new connection.

use std::time::Instant;

use lameduck_server::{Closings, IdleHold};

use crate::rig::{PATIENCE, Rig, SOON};

#[test]
fn new_connections_count_once_leaving_has_begun() {
    let rig = Rig::start(IdleHold::Auto, Closings::default());
    let mut arrivals = rig.server.arrivals();
    drop([rig.idle_client(), rig.idle_client()]);
    assert_eq!(arrivals.borrow().count, 0, "before the signal they are nothing to wait for");

    rig.lame_duck();
    let signal = Instant::now();
    let late = [rig.connect(), rig.connect(), rig.connect()];
    let seen = *rig.block_on(arrivals.wait_for(|arrivals| arrivals.count == 3)).expect("the server lives");
    assert!(seen.last.is_some_and(|last| last >= signal));

    drop(late);
    rig.drain();
    rig.drained(SOON);
}

#[test]
fn the_rate_is_of_the_time_before_the_signal() {
    let rig = Rig::start(IdleHold::Auto, Closings::default());
    let started = Instant::now();
    while rig.server.arrival_rate().is_none() {
        assert!(started.elapsed() < PATIENCE, "connections come all the time");
        rig.idle_client();
    }
    rig.lame_duck();
    let rate = rig.server.arrival_rate().expect("there was something to say");
    assert!(rate > 0.5, "{rate} a second");
    for _ in 0..50 {
        rig.connect();
    }
    assert_eq!(rig.server.arrival_rate(), Some(rate), "what comes later does not change it");
}
