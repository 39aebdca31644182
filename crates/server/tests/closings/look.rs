//! Look: a request that lies in the kernel's buffer while the server decides to close.

use std::time::Duration;

use lameduck_lifecycle::CloseReason;
use lameduck_server::{Closings, IdleHold};

use crate::client::{Client, Lost, get};
use crate::rig::{Rig, SOON};

const IDLE: usize = 50;

/// Long enough for the test to hold the work thread before it is over, short enough for a fresh connection to be waited
/// for beyond it.
const HOLD: Duration = Duration::from_millis(500);

/// Idle clients whose next request reaches the kernel between the drain's decision to close them and the close.
///
/// The work thread is held twice. When it goes on after the first time, the runtime finds two things due at once, the
/// end of the hold and the request that holds it again: the drain decides and the thread is held, in either order, and
/// the runtime does not look at its sockets in between.
fn lost_in_the_kernel(closings: Closings) -> (Rig, Vec<Lost>) {
    let rig = Rig::start(IdleHold::For(HOLD), closings);
    let mut idle: Vec<Client> = (0..IDLE).map(|_| rig.idle_client()).collect();
    // The second one is fresh: the hold is not about it.
    let (first, second) = (rig.idle_client(), rig.connect());
    rig.drain();
    let stalled = rig.stall_by(first);
    rig.pass(HOLD);
    let stalled = stalled.then_by(second);
    // Closed already, and the client could see it.
    idle.retain(|client| !client.sees_close());
    for client in &mut idle {
        client.send(&get("/ok")).unwrap();
    }
    stalled.release();

    let lost = idle.iter_mut().filter_map(|client| client.answer().err()).collect();
    drop(idle);
    rig.drained(SOON);
    (rig, lost)
}

#[test]
fn a_request_in_the_kernel_is_seen_and_answered() {
    let (rig, lost) = lost_in_the_kernel(Closings::default());
    assert_eq!(lost, []);
    assert_eq!(rig.server.snapshot().ledger.raced, 0);
}

#[test]
fn control_without_the_look_it_is_closed_away() {
    let (rig, lost) = lost_in_the_kernel(Closings { look: false, ..Closings::default() });
    assert!(!lost.is_empty());
    let numbers = rig.server.snapshot();
    assert_eq!(numbers.connections.closed_for(CloseReason::Raced), lost.len() as u64, "and counted");
}

#[test]
fn a_head_that_has_begun_on_a_used_connection_is_waited_for() {
    let rig = Rig::start(IdleHold::For(Duration::ZERO), Closings::default());
    let mut client = rig.idle_client();
    let (begin, rest) = (b"GET /ok HTTP/1.1\r\nho", b"st: test\r\n\r\n");
    client.send(begin).unwrap();
    // A second connection, answered after those bytes came: the one work thread has read them.
    rig.idle_client();

    rig.drain_and_refuse();
    client.send(rest).unwrap();
    let answer = client.answer().expect("it had begun to speak before the close");
    assert!(answer.says_close());
    drop(client);
    rig.drained(SOON);
}

#[test]
fn a_head_that_began_in_the_same_write_as_its_predecessor_is_waited_for() {
    let rig = Rig::start(IdleHold::For(Duration::ZERO), Closings::default());
    let mut client = rig.connect();
    let next = get("/ok");
    let (begin, rest) = next.split_at(9);
    client.send(&[&get("/ok"), begin].concat()).unwrap();
    assert!(!client.answer().unwrap().says_close());

    rig.drain_and_refuse();
    client.send(rest).unwrap();
    let answer = client.answer().expect("it had begun to speak before the close");
    assert!(answer.says_close());
    drop(client);
    rig.drained(SOON);
}
