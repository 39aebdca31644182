//! Flush: whoever the kernel has connected is served, though nobody had accepted him when the drain began.

use lameduck_server::{Closings, IdleHold};

use crate::client::{Client, Lost, get};
use crate::rig::{Rig, SOON};

const QUEUED: usize = 200;

/// Connections that are established, with a request sent, and still in the accept queue when the drain begins.
fn lost_of_the_queued(closings: Closings) -> Vec<Lost> {
    let rig = Rig::start(IdleHold::Auto, closings);
    let stalled = rig.stall();
    let mut queued: Vec<Client> = (0..QUEUED).map(|_| rig.connect()).collect();
    for client in &mut queued {
        client.send(&get("/ok")).unwrap();
    }

    rig.lame_duck();
    rig.drain();
    stalled.release();

    let lost = queued.iter_mut().filter_map(|client| client.answer().err()).collect();
    drop(queued);
    rig.drained(SOON);
    lost
}

#[test]
fn what_waits_in_the_accept_queue_is_served() {
    assert_eq!(lost_of_the_queued(Closings::default()), []);
}

#[test]
fn control_without_the_flush_the_queue_is_reset() {
    let lost = lost_of_the_queued(Closings { flush: false, ..Closings::default() });
    assert!(lost.len() > QUEUED / 4, "lost only {}", lost.len());
}

#[test]
fn after_the_flush_a_new_connection_is_refused_at_once() {
    let rig = Rig::start(IdleHold::Auto, Closings::default());
    rig.lame_duck();
    rig.drain();
    rig.drained(SOON);
    let refused = Client::connect(rig.address).err().expect("nobody listens");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}
