//! The gap between the last look into the accept queue and the close of the listener, in which the server may be off
//! the processor.
//!
//! The seam stretches it. Clients connect all the time, each with a request: whoever the kernel connects in the gap is
//! reset.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use lameduck_lifecycle::Outcome;
use lameduck_server::{Options, Seams};

use crate::client::{Client, get};
use crate::rig::{Rig, SOON};

const CLIENTS: usize = 4;
/// Longer than clients are off the processor on a busy machine: in the control some must connect within it.
const GAP: Duration = Duration::from_millis(400);

/// Between two connections of one client: it does not wait for answers, so that some always connect just now.
const PACE: Duration = Duration::from_millis(1);

#[expect(clippy::disallowed_methods, reason = "a pace, not a wait for anything")]
/// Connects again and again until the server refuses. Requests that were sent on an established connection and not
/// answered.
fn lost(rig: &Rig, connected: &AtomicUsize) -> usize {
    let mut clients = Vec::new();
    while let Ok(mut client) = Client::connect(rig.address) {
        let sent = client.send(&get("/ok")).is_ok();
        clients.push((client, sent));
        connected.fetch_add(1, SeqCst);
        std::thread::sleep(PACE);
    }
    clients.into_iter().filter_map(|(mut client, sent)| (!sent || client.answer().is_err()).then_some(())).count()
}

/// Lost by clients that connect while the listener closes, with the gap stretched.
fn lost_in_the_gap(syn_filter: bool) -> usize {
    let seams = Seams { accept_gap: GAP, syn_filter, ..Seams::default() };
    let rig = Rig::with(Options { seams, ..Options::default() });
    let connected = AtomicUsize::new(0);
    let lost = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| lost(&rig, &connected))).collect();
        rig.until("clients connect all the time", |_| connected.load(SeqCst) >= 10 * CLIENTS);
        rig.lame_duck();
        rig.drain();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    rig.drained(SOON);
    if syn_filter {
        assert_eq!(rig.server.snapshot().ledger.unserved, 0);
    }
    lost
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_in_the_queue_at_the_deadline_is_counted() {
    const QUEUED: usize = 20;
    let rig = Rig::with(Options::default());
    let stalled = rig.stall();
    let mut queued: Vec<Client> = (0..QUEUED).map(|_| rig.connect()).collect();
    for client in &mut queued {
        client.send(&get("/ok")).unwrap();
    }
    rig.force();
    drop(stalled);
    assert!(queued.iter_mut().all(|client| client.answer().is_err()));
    rig.drained(SOON);
    let ledger = rig.server.snapshot().ledger;
    assert_eq!((ledger.unserved, ledger.lost()), (QUEUED as u64, QUEUED as u64 + ledger.outcome(Outcome::Aborted)));
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_is_lost_however_long_the_server_is_off_the_processor() {
    assert_eq!(lost_in_the_gap(true), 0);
}

#[test]
fn control_without_the_filter_clients_of_the_gap_are_reset() {
    assert!(lost_in_the_gap(false) > 0);
}
