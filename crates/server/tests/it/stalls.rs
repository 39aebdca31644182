//! A client that takes nothing of its response holds it only so long.

use crate::client::{Client, Http2};
use crate::rig::{Rig, eventually, options};
use bytes::Bytes;
use lameduck_lifecycle::CloseReason;
use lameduck_lifecycle::Outcome::{ClientGone, Completed, Rejected};
use lameduck_server::{Limits, Options};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// More than all buffers on the way.
const LARGE_BYTES: usize = 32 << 20;

/// So short that the test need not wait.
const SHORT: Duration = Duration::from_millis(300);

/// So long that it does not pass while the test runs.
const LONG: Duration = Duration::from_secs(3600);

fn rig(requests_in_flight: usize, write_stall: Duration) -> Rig {
    let limits = Limits { requests_in_flight, write_stall, ..Limits::default() };
    let large = Bytes::from(vec![b'x'; LARGE_BYTES]);
    Rig::with(Options { limits, ..options() }, |app| {
        app.route("/large", axum::routing::get(move || std::future::ready(large.clone())))
    })
}

/// Clients that ask for more than the buffers hold, and read nothing.
async fn silent(rig: &Rig, clients: usize) -> Vec<Client> {
    let mut silent = Vec::new();
    for _ in 0..clients {
        let mut client = Client::connect(rig.address).await;
        client.ask("/large").await;
        silent.push(client);
    }
    silent
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read_give_up_their_places() {
    let rig = rig(5, SHORT);
    let silent = silent(&rig, 5).await;
    rig.outcome(ClientGone, 5).await;
    assert_eq!(Client::connect(rig.address).await.get("/ping").await.status, 200);
    eventually("closed", || rig.server.snapshot().connections.closed_for(CloseReason::WriteStall) == 5).await;
    drop(silent);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn control_until_the_limit_they_keep_them() {
    let rig = rig(5, LONG);
    let silent = silent(&rig, 5).await;
    rig.in_flight(5).await;
    assert_eq!(Client::connect(rig.address).await.get("/ping").await.status, 503);
    drop(silent);
    assert_eq!(rig.finish().await.outcome(Rejected), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_is_not_cut() {
    let rig = rig(4096, Duration::from_secs(5));
    let mut client = Client::connect(rig.address).await;
    assert_eq!(client.get("/large").await.body.len(), LARGE_BYTES);
    drop(client);
    assert_eq!(rig.finish().await.outcome(Completed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_a_window_ends_and_its_connection_goes_on() {
    let rig = rig(4096, SHORT);
    let stream = TcpStream::connect(rig.address).await.unwrap();
    // Room for the other streams: this is about one stream's window.
    let (send, connection) =
        h2::client::Builder::new().initial_connection_window_size(1 << 20).handshake(stream).await.unwrap();
    let mut http2 = Http2 { send: send.ready().await.unwrap(), driver: tokio::spawn(connection) };
    let answer = http2.ask(http::Request::get("http://a/large")).await.await.unwrap();
    // Its window is used up, and never opened again.
    rig.outcome(ClientGone, 1).await;
    let mut body = answer.into_body();
    let reset = loop {
        if let Err(error) = body.data().await.expect("not the end") {
            break error;
        }
    };
    assert_eq!(reset.reason(), Some(h2::Reason::CANCEL), "{reset}");
    assert_eq!(http2.get("/ping").await.unwrap(), 200);
    assert_eq!(rig.server.snapshot().connections.open(), 1);
    drop((body, http2));
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http2_client_that_does_not_read_is_cut() {
    let rig = rig(4096, SHORT);
    let mut client = TcpStream::connect(rig.address).await.unwrap();
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream], payload].concat()
    };
    // SETTINGS with the largest window for streams, WINDOW_UPDATE for the connection, GET /large.
    let settings = frame(4, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]);
    let window = frame(8, 0, 0, &[0x7f, 0, 0, 0]);
    let get = frame(1, 5, 1, &[&[0x82, 0x86, 0x04, 6][..], b"/large", &[0x01, 1], b"t"].concat());
    client.write_all(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &settings[..], &window, &get].concat()).await.unwrap();
    rig.outcome(ClientGone, 1).await;
    eventually("closed", || rig.server.snapshot().connections.open() == 0).await;
    rig.finish().await;
}
