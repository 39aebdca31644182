//! SIGTERM, as clients with TLS see it.

use super::{Rig, ping, raw};
use lameduck_testing::{Client, eventually};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

#[test]
fn idle_connections_end_by_close_notify() {
    let rig = Rig::start(&[]);
    let mut idle: Vec<_> = (0..5).map(|_| rig.client()).collect();
    for client in &mut idle {
        assert_eq!(ping(client).unwrap().status, 200);
    }
    rig.service.signal(libc::SIGTERM);
    for client in &mut idle {
        // Without close_notify rustls returns UnexpectedEof.
        assert_eq!(client.read_to_end().unwrap(), b"");
    }
    drop(idle);
    rig.service.wait().assert_code(0);
}

#[test]
fn handshakes_that_never_finish_do_not_hold_the_exit() {
    let rig = Rig::start(&[("limits.header_timeout", "1h"), ("limits.first_byte_timeout", "1h")]);
    let address = rig.service.http;
    let hello = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
    let stuck = [raw(address, b""), raw(address, &hello[..3]), raw(address, &hello)];
    eventually("all are there", || (rig.service.drain()["connections"]["open"].as_u64() == Some(3)).then_some(()));
    let ended = rig.service.stop();
    ended.assert_code(0);
    let closed = &ended.report["connections"]["closed"];
    assert_eq!(closed["handshake_timeout"], 2, "{closed}");
    drop(stuck);
}

/// What a client of HTTP/1 did, that never retries a request that it has sent.
#[derive(Default)]
struct Truth {
    answered: AtomicU64,
    lost: AtomicU64,
}

/// Sends requests until the service refuses connections.
fn drive(rig: &Rig, truth: &Truth) {
    let trusting = rig.trusting();
    loop {
        let mut client = match Client::connect_tls(rig.service.http, trusting.clone()) {
            Ok(client) => client,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return,
            // The kernel had accepted it, so it must be served.
            Err(error) => panic!("a handshake was lost: {error}"),
        };
        loop {
            let Ok(response) = ping(&mut client) else {
                truth.lost.fetch_add(1, SeqCst);
                break;
            };
            assert_eq!(response.status, 200);
            truth.answered.fetch_add(1, SeqCst);
            if response.header("connection") == Some("close") {
                assert_eq!(client.read_to_end().unwrap(), b"", "close_notify");
                break;
            }
        }
    }
}

#[test]
fn a_drain_under_load_loses_no_request() {
    let rig = Rig::start(&[("drain.strategy", "delay"), ("drain.delay", "500ms")]);
    let truth = Truth::default();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| drive(&rig, &truth));
        }
        eventually("they are at work", || (truth.answered.load(SeqCst) > 200).then_some(()));
        rig.service.signal(libc::SIGTERM);
    });
    let ended = rig.service.wait();
    ended.assert_code(0);
    let ledger = &ended.report["ledger"];
    assert_eq!(truth.lost.load(SeqCst), 0, "{ledger}");
    assert_eq!(ledger["started"], truth.answered.load(SeqCst), "{ledger}");
    assert_eq!((&ledger["aborted"], &ledger["raced"]), (&0.into(), &0.into()), "{ledger}");
}
