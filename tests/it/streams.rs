//! Streams that live long, in the real process: ended in order at SIGTERM, and resumed where they ended.

use crate::process::start;
use lameduck_testing::{Client, Service};

const KEYS: &[(&str, &str)] = &[("drain.strategy", "immediate"), ("drain.goodbye", "0s")];

/// A frame of the server: its opcode and payload.
fn frame(client: &mut Client) -> (u8, Vec<u8>) {
    let mut header = [0; 2];
    client.read_exact(&mut header).unwrap();
    let mut payload = vec![0; usize::from(header[1])];
    client.read_exact(&mut payload).unwrap();
    (header[0] & 0x0f, payload)
}

fn websocket(service: &Service, target: &str) -> Client {
    let mut client = Client::connect(service.http).unwrap();
    let headers = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let response = client.send("GET", target, &headers, b"").unwrap();
    assert_eq!(response.status, 101, "{}", response.text());
    client
}

/// Reads numbers up to the Close; answers it. The next number, and the code and reason of the Close.
fn count(mut client: Client, mut next: u64) -> (u64, u16, String) {
    loop {
        match frame(&mut client) {
            (1, payload) => {
                assert_eq!(payload, next.to_string().as_bytes(), "no number is missing and none comes twice");
                next += 1;
            }
            (8, payload) => {
                client.write(&[0x88, 0x82, 0, 0, 0, 0, payload[0], payload[1]]).unwrap();
                client.read_exact(&mut [0]).expect_err("the server closes");
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                return (next, code, String::from_utf8(payload[2..].to_vec()).unwrap());
            }
            (opcode, payload) => panic!("an unexpected frame: {opcode} {payload:?}"),
        }
    }
}

#[test]
fn a_counter_goes_on_where_it_was_closed() {
    let first = start(KEYS);
    let mut client = websocket(&first, "/ws/counter?from=7&interval_ms=10");
    assert_eq!(frame(&mut client), (1, b"7".to_vec()));
    first.signal(libc::SIGTERM);
    let (next, code, reason) = count(client, 8);
    assert_eq!(code, 1012);
    assert!(reason.starts_with("restarting; reconnect in "), "{reason}");
    let ended = first.wait();
    ended.assert_code(0);
    assert_eq!(ended.report["ledger"]["drained"], 1, "{:#}", ended.report);

    let second = start(KEYS);
    let client = websocket(&second, &format!("/ws/counter?from={next}&interval_ms=10"));
    second.signal(libc::SIGTERM);
    assert!(count(client, next).0 >= next);
    second.wait().assert_code(0);
}

#[test]
fn events_go_on_behind_the_last_that_came() {
    let service = start(KEYS);
    let mut client = Client::connect(service.http).unwrap();
    client.write(b"GET /events?interval_ms=10 HTTP/1.1\r\nhost: test\r\nlast-event-id: 41\r\n\r\n").unwrap();
    // The head and the first event are there: then the process is asked to leave.
    let mut seen = Vec::new();
    while !seen.ends_with(b"\n\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }
    service.signal(libc::SIGTERM);
    while !seen.ends_with(b"0\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }
    let text = String::from_utf8(seen).unwrap();
    assert!(text.contains("id: 42\ndata: 42\n") || text.contains("id:42"), "{text}");
    assert!(text.contains(": restarting\nretry: "), "{text}");
    let ended = service.wait();
    ended.assert_code(0);
    assert_eq!(ended.report["ledger"]["aborted"], 0);
}
