//! HTTP/2: GOAWAY tells the client, streams under way end, nothing is reset.

use bytes::Bytes;
use h2::client::SendRequest;
use lameduck_server::{Closings, IdleHold};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Rig, SOON};

const STREAMS: usize = 50;

async fn connect(rig: &Rig) -> (SendRequest<Bytes>, tokio::task::JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(rig.address).await.unwrap();
    let (requests, connection) = h2::client::handshake(stream).await.unwrap();
    (requests, tokio::spawn(connection))
}

fn request(path: &str) -> http::Request<()> {
    http::Request::get(format!("http://test{path}")).body(()).unwrap()
}

async fn body(answer: h2::client::ResponseFuture) -> Vec<u8> {
    let mut stream = answer.await.expect("an answer").into_body();
    let mut body = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece.expect("the whole body");
        stream.flow_control().release_capacity(piece.len()).unwrap();
        body.extend_from_slice(&piece);
    }
    body
}

#[test]
fn streams_in_flight_are_answered_and_the_connection_ends_cleanly() {
    let rig = Rig::start(IdleHold::Auto, Closings::default());
    rig.block_on(async {
        let (requests, connection) = connect(&rig).await;
        let mut requests = requests.ready().await.unwrap();
        let answers: Vec<_> = (0..STREAMS).map(|_| requests.send_request(request("/gate"), true).unwrap().0).collect();
        while rig.server.snapshot().ledger.in_flight() < STREAMS as u64 {
            tokio::task::yield_now().await;
        }

        rig.server.lame_duck();
        rig.server.drain(None);
        rig.open_gate();
        for answer in answers {
            assert_eq!(body(answer).await, b"open");
        }
        drop(requests);
        connection.await.unwrap().expect("GOAWAY without an error");
    });
    rig.drained(SOON);
}

#[test]
fn a_lame_duck_says_goaway_behind_an_answer() {
    let rig = Rig::start(IdleHold::Auto, Closings::default());
    rig.block_on(async {
        let (requests, connection) = connect(&rig).await;
        rig.server.lame_duck();
        let mut requests = requests;
        // The notice rises over a second: until it has come, every request is answered.
        while let Ok(mut ready) = requests.clone().ready().await {
            match ready.send_request(request("/ok"), true) {
                Ok((answer, _)) => assert_eq!(body(answer).await, b"ok"),
                Err(refused) => {
                    assert!(refused.is_go_away() || refused.is_io(), "{refused}");
                    break;
                }
            }
            requests = ready;
        }
        drop(requests);
        connection.await.unwrap().expect("GOAWAY without an error");
    });
    rig.drain();
    rig.drained(SOON);
}

#[test]
fn an_idle_connection_ends_with_the_drain() {
    let rig = Rig::start(IdleHold::Auto, Closings::default());
    rig.block_on(async {
        let (requests, connection) = connect(&rig).await;
        let mut requests = requests.ready().await.unwrap();
        assert_eq!(body(requests.send_request(request("/ok"), true).unwrap().0).await, b"ok");
        rig.server.drain(None);
        connection.await.unwrap().expect("GOAWAY without an error");
    });
    rig.drained(SOON);
}

const HEADERS: u8 = 1;
const PING: u8 = 6;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, u8::try_from(payload.len()).unwrap(), kind, flags, 0, 0, 0, stream];
    frame.extend_from_slice(payload);
    frame
}

/// `GET /ok`, whole.
fn get_ok(stream: u8) -> Vec<u8> {
    const END_HEADERS: u8 = 4;
    // :method GET, :scheme http, :path /ok, :authority t; literals are not indexed.
    let fields = [&[0x82, 0x86, 0x04, 3][..], b"/ok", &[0x01, 1], b"t"].concat();
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields)
}

/// The next frame of this kind and stream, whatever comes before it; `None` at the end of the connection.
async fn next(client: &mut TcpStream, kind: u8, stream: u8) -> Option<(u8, Vec<u8>)> {
    loop {
        let mut header = [0; 9];
        client.read_exact(&mut header).await.ok()?;
        let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
        let mut payload = vec![0; length as usize];
        client.read_exact(&mut payload).await.ok()?;
        if (header[3], header[8]) == (kind, stream) {
            return Some((header[4], payload));
        }
    }
}

/// A client that is behind answers the PING of the end before it sends what it had queued: its requests are not
/// refused.
#[test]
fn a_request_queued_behind_the_answer_to_the_last_ping_is_served() {
    let rig = Rig::start(IdleHold::Auto, Closings::default());
    rig.block_on(async {
        let mut client = TcpStream::connect(rig.address).await.unwrap();
        let settings = frame(4, 0, 0, &[]);
        let hello = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &settings[..], &get_ok(1)].concat();
        client.write_all(&hello).await.unwrap();
        next(&mut client, HEADERS, 1).await.expect("the first answer");

        rig.server.drain(None);
        let (flags, question) = next(&mut client, PING, 0).await.expect("GOAWAY and PING");
        assert_eq!(flags & ACK, 0);
        client.write_all(&[frame(PING, ACK, 0, &question), get_ok(3)].concat()).await.unwrap();
        next(&mut client, HEADERS, 3).await.expect("an answer to the request behind the answer");
        assert!(next(&mut client, HEADERS, 5).await.is_none(), "then it ends");
    });
    rig.drained(SOON);
}
