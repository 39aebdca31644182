//! A client that has closed its side still gets its response. One that is gone is found.

use crate::client::{Answer, Client};
use crate::rig::{Rig, eventually, options};
use lameduck_lifecycle::CloseReason;
use lameduck_lifecycle::Outcome::{ClientGone, Completed, Drained, Failed};
use lameduck_server::Options;
use tokio::io::AsyncWriteExt as _;

/// A connection on which `bytes` were sent, and then our side closed.
async fn half_closed(rig: &Rig, bytes: impl AsRef<[u8]>) -> Client {
    let mut client = Client::connect(rig.address).await;
    client.send(bytes).await;
    client.stream.shutdown().await.expect("half-close");
    client
}

impl Client {
    /// Reads one answer, and then the end.
    async fn last_answer(&mut self) -> Answer {
        let answer = self.answer().await;
        self.closed().await;
        answer
    }
}

/// Lets the server see the end of each client's stream: its one poll of the socket comes before the answer to a later
/// request.
async fn seen(rig: &Rig) {
    for _ in 0..3 {
        assert_eq!(Client::connect(rig.address).await.get("/ping").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_answered_after_its_client_has_closed_its_side() {
    let rig = Rig::new(options());
    let requests = [
        "GET /gate HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /gate HTTP/1.0\r\n\r\n",
        "GET /gate HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        // A body that the handler does not read.
        "POST /gate HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody",
        "POST /gate HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        "GET /gate HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
    ];
    let mut clients = Vec::new();
    for request in requests {
        clients.push(half_closed(&rig, request).await);
    }
    rig.in_flight(6).await;
    seen(&rig).await;
    rig.open(6);
    for client in &mut clients {
        assert_eq!(client.last_answer().await.body, "passed");
    }
    let ledger = rig.finish().await;
    assert_eq!((ledger.outcome(Completed), ledger.outcome(ClientGone)), (9, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_before_the_half_close_is_read() {
    let rig = Rig::new(options());
    let mut upload = half_closed(&rig, "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody").await;
    assert_eq!(upload.last_answer().await.body, "body");
    let pipelined = "GET /gate HTTP/1.1\r\nhost: a\r\n\r\nGET /user/1 HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut pipelined = half_closed(&rig, pipelined).await;
    rig.in_flight(1).await;
    seen(&rig).await;
    rig.open(1);
    assert_eq!(pipelined.answer().await.body, "passed");
    assert_eq!(pipelined.last_answer().await.body, "user");
    assert_eq!(rig.finish().await.outcome(ClientGone), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_and_a_large_answer_is_whole() {
    let rig = Rig::with(options(), |app| {
        let large = "x".repeat(8 << 20);
        app.route("/large", axum::routing::get(move || std::future::ready(large.clone())))
    });
    let mut stream = half_closed(&rig, "GET /stream HTTP/1.1\r\nhost: a\r\n\r\n").await;
    stream.head().await;
    seen(&rig).await;
    for _ in 0..3 {
        rig.open(1);
        stream.until(b"chunk\n").await.expect("a chunk");
    }
    stream.reset();

    let mut large = half_closed(&rig, "GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(large.last_answer().await.body.len(), 8 << 20);
    rig.outcome(ClientGone, 1).await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_waits_for_the_answer() {
    let rig = Rig::new(Options { idle_hold: lameduck_server::IdleHold::Auto, ..options() });
    let mut client = half_closed(&rig, "GET /gate HTTP/1.1\r\nhost: a\r\n\r\n").await;
    rig.in_flight(1).await;
    seen(&rig).await;
    rig.server.drain(None);
    rig.open(1);
    assert!(client.last_answer().await.says_close());
    assert_eq!(rig.finish().await.outcome(Drained), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_resets_behind_its_half_close_is_gone() {
    let rig = Rig::new(options());
    let client = half_closed(&rig, "GET /gate HTTP/1.1\r\nhost: a\r\n\r\n").await;
    rig.in_flight(1).await;
    seen(&rig).await;
    client.reset();
    rig.outcome(ClientGone, 1).await;
    eventually("closed", || rig.server.snapshot().connections.closed_for(CloseReason::PeerReset) == 1).await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_closed_altogether_is_found_by_a_write() {
    let rig = Rig::new(options());
    let client = half_closed(&rig, "GET /stream HTTP/1.1\r\nhost: a\r\n\r\n").await;
    rig.in_flight(1).await;
    seen(&rig).await;
    drop(client);
    // The first write after the close is answered by a reset, the next one fails.
    eventually("gone", || {
        rig.open(1);
        rig.ledger().outcome(ClientGone) == 1
    })
    .await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_ends_too_early_is_an_error_of_the_client() {
    let rig = Rig::new(options());
    let mut client = half_closed(&rig, "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nbody").await;
    assert_eq!(client.last_answer().await.status, 400);
    assert_eq!(rig.finish().await.outcome(Failed), 0);
}
