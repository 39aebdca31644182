//! Connections get only so old: their clients are notified, and they end when nothing is lost by that.

use crate::client::{Client, Http2};
use crate::rig::{Rig, eventually, options};
use lameduck_lifecycle::CloseReason;
use lameduck_lifecycle::Outcome::{Aborted, Completed};
use lameduck_server::{Limits, Options};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const AGE: Duration = Duration::from_millis(100);

/// Nothing here takes so long unless it never comes.
const PATIENCE: Duration = Duration::from_secs(60);

fn rig(grace: Duration) -> Rig {
    let limits = Limits { connection_age: AGE, connection_age_grace: grace, ..Limits::default() };
    Rig::new(Options { limits, ..options() })
}

async fn closed_for_age(rig: &Rig, count: u64) {
    eventually("closed", || rig.server.snapshot().connections.closed_for(CloseReason::ConnectionAge) == count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http1_client_is_notified_with_an_answer() {
    let rig = rig(Duration::from_secs(600));
    let mut client = Client::connect(rig.address).await;
    let mut answers = 1;
    let notified = async {
        while !client.get("/ping").await.says_close() {
            answers += 1;
        }
    };
    tokio::time::timeout(PATIENCE, notified).await.expect("never notified");
    client.closed().await;
    closed_for_age(&rig, 1).await;
    assert_eq!(rig.finish().await.outcome(Completed), answers, "nothing is lost by that");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_http1_client_is_closed_after_the_grace() {
    let rig = rig(AGE);
    let mut client = Client::connect(rig.address).await;
    assert_eq!(client.get("/ping").await.status, 200);
    client.closed().await;
    closed_for_age(&rig, 1).await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_outlives_the_grace_is_cut_and_counted_as_lost() {
    let rig = rig(AGE);
    let mut http1 = Client::connect(rig.address).await;
    http1.ask("/gate/unhurried").await;
    let mut http2 = Http2::connect(rig.address).await;
    let stream = http2.ask(http::Request::get("http://a/stream")).await;
    rig.outcome(Aborted, 2).await;
    http1.closed().await;
    drop((stream, http2));
    closed_for_age(&rig, 2).await;
    assert_eq!(rig.finish().await.lost(), 2);
}

const GO_AWAY: u8 = 7;
const PING: u8 = 6;
const HEADERS: u8 = 1;
const DATA: u8 = 0;
const ACK: u8 = 1;

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream], payload].concat()
}

fn get(stream: u8, path: &str) -> Vec<u8> {
    frame(1, 5, stream, &[&[0x82, 0x86, 0x04, path.len() as u8], path.as_bytes(), &[0x01, 1], b"t"].concat())
}

/// Kind, flags, stream and payload of the next frame; `None` at the end.
async fn next(client: &mut TcpStream) -> Option<(u8, u8, u8, Vec<u8>)> {
    let mut header = [0; 9];
    client.read_exact(&mut header).await.ok()?;
    let mut payload = vec![0; u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize];
    client.read_exact(&mut payload).await.ok()?;
    Some((header[3], header[4], header[8], payload))
}

async fn next_of(client: &mut TcpStream, kind: u8) -> (u8, u8, Vec<u8>) {
    loop {
        match next(client).await {
            Some((found, flags, stream, payload)) if found == kind => return (flags, stream, payload),
            Some(_) => {}
            None => panic!("the end instead of a frame of kind {kind}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http2_client_gets_a_goaway_in_two_steps() {
    let rig = rig(Duration::from_secs(600));
    let mut client = TcpStream::connect(rig.address).await.unwrap();
    let hello = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(4, 0, 0, &[])[..], &get(1, "/gate/unhurried")].concat();
    client.write_all(&hello).await.unwrap();

    // First: no stream is refused, and the client may still open some until it has answered.
    let (_, _, first) = next_of(&mut client, GO_AWAY).await;
    assert_eq!(first[..8], [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0], "the highest id, no error");
    let (flags, _, question) = next_of(&mut client, PING).await;
    assert_eq!(flags & ACK, 0);
    client.write_all(&get(3, "/ping")).await.unwrap();
    let (_, stream, _) = next_of(&mut client, HEADERS).await;
    assert_eq!(stream, 3, "a stream that crossed the GOAWAY is served");

    // Then: the last stream that was seen.
    client.write_all(&frame(PING, ACK, 0, &question)).await.unwrap();
    let (_, _, last) = next_of(&mut client, GO_AWAY).await;
    assert_eq!(last[..8], [0, 0, 0, 3, 0, 0, 0, 0]);

    // What is in flight has its time.
    rig.open(1);
    let (_, stream, body) = next_of(&mut client, DATA).await;
    assert_eq!((stream, &body[..]), (1, &b"passed"[..]));
    while next(&mut client).await.is_some() {}
    closed_for_age(&rig, 1).await;
    assert_eq!(rig.finish().await.outcome(Completed), 2);
}
