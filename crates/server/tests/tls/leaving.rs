//! Leaving: what each client must see, for both protocols.

use crate::rig::{LARGE_BYTES, Rig, body, eventually};
use lameduck_lifecycle::CloseReason;
use lameduck_lifecycle::Outcome::{Completed, Drained, Late};
use lameduck_server::{IdleHold, Options};
use lameduck_testing::tls::server_name;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

fn at_once() -> Options {
    Options { idle_hold: IdleHold::For(Duration::ZERO), ..Options::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_end_in_order() {
    let rig = Rig::new(at_once());
    let (mut http1, mut http2) = (rig.http1().await, rig.http2().await);
    http1.get("/ping").await;
    let answer = http2.ask("/ping").await;
    body(answer).await;
    rig.server.drain(None);
    http1.closed_in_order().await;
    http2.ended_in_order().await;
    drop(http1);
    rig.closed_for(CloseReason::IdleDrained).await;
    assert_eq!(rig.finish().await.outcome(Completed), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_work_are_answered() {
    let rig = Rig::new(at_once());
    let (mut http1, mut http2) = (rig.http1().await, rig.http2().await);
    http1.ask("/gate").await;
    let answer = http2.ask("/gate").await;
    rig.in_flight(2).await;
    rig.server.drain(None);
    rig.open();
    rig.open();
    let (head, passed) = http1.answer().await.unwrap();
    assert!(head.contains("connection: close"), "{head}");
    assert_eq!((passed, body(answer).await), (b"passed".to_vec(), b"passed".to_vec()));
    http1.closed_in_order().await;
    http2.ended_in_order().await;
    drop(http1);
    assert_eq!(rig.finish().await.outcome(Drained), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_get_everything() {
    let rig = Rig::new(at_once());
    let (mut http1, mut http2) = (rig.http1().await, rig.http2().await);
    http1.ask("/large").await;
    let answer = http2.ask("/large").await;
    rig.in_flight(2).await;
    rig.server.drain(None);
    assert_eq!(http1.answer().await.unwrap().1.len(), LARGE_BYTES);
    http1.closed_in_order().await;
    assert_eq!(body(answer).await.len(), LARGE_BYTES);
    http2.ended_in_order().await;
    drop(http1);
    assert_eq!(rig.finish().await.outcome(Drained), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_closes_its_side_is_answered() {
    use tokio::io::AsyncWriteExt as _;
    let rig = Rig::new(at_once());
    let mut http1 = rig.http1().await;
    http1.ask("/gate").await;
    rig.in_flight(1).await;
    // close_notify, and FIN.
    http1.stream.shutdown().await.unwrap();
    assert_eq!(rig.http1().await.get("/ping").await.1, b"pong");
    rig.open();
    assert_eq!(http1.answer().await.unwrap().1, b"passed");
    http1.closed_in_order().await;
    drop(http1);
    assert_eq!(rig.finish().await.outcome(Completed), 2);
}

/// A client by hand: it can send the half of a record.
struct ByHand {
    socket: TcpStream,
    session: rustls::ClientConnection,
}

impl ByHand {
    fn connect(rig: &Rig) -> Self {
        let mut socket = TcpStream::connect(rig.address).unwrap();
        let mut session = rustls::ClientConnection::new(rig.client(&["http/1.1"]), server_name()).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut socket).unwrap();
        }
        Self { socket, session }
    }

    /// The records of a request.
    fn sealed(&mut self, path: &str) -> Vec<u8> {
        write!(self.session.writer(), "GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        let mut records = Vec::new();
        while self.session.wants_write() {
            self.session.write_tls(&mut records).unwrap();
        }
        records
    }

    /// What comes until the head of an answer is whole.
    fn head(&mut self) -> String {
        let mut got = Vec::new();
        while !got.windows(4).any(|window| window == b"\r\n\r\n") {
            assert!(self.session.read_tls(&mut self.socket).unwrap() > 0, "the end instead of an answer");
            self.session.process_new_packets().unwrap();
            let mut bytes = [0; 4096];
            if let Ok(read) = self.session.reader().read(&mut bytes) {
                got.extend_from_slice(&bytes[..read]);
            }
        }
        String::from_utf8_lossy(&got).into_owned()
    }
}

/// The look sees what rustls holds: a record that has begun is a client that has spoken.
#[tokio::test(flavor = "multi_thread")]
async fn half_a_record_on_an_idle_connection_is_waited_for() {
    let rig = Rig::new(at_once());
    let mut client = ByHand::connect(&rig);
    let first = client.sealed("/ping");
    client.socket.write_all(&first).unwrap();
    assert!(client.head().starts_with("HTTP/1.1 200"));

    let next = client.sealed("/ping");
    client.socket.write_all(&next[..9]).unwrap();
    eventually("half a record has been read", || {
        rig.server.stragglers(1).iter().any(|straggler| straggler.waits_for.as_str().contains("head"))
    })
    .await;
    rig.server.drain(None);
    // Idle connections close within the first ticks of the drain.
    let other = rig.server.clone();
    tokio::time::timeout(Duration::from_secs(20), other.not_listening()).await.unwrap();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(rig.server.snapshot().connections.open(), 1, "closed before the record was whole");
    }
    client.socket.write_all(&next[9..]).unwrap();
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("connection: close"), "{head}");
    drop(client);
    assert_eq!(rig.finish().await.outcome(Late), 1);
}
