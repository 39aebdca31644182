//! HTTP/2: GOAWAY tells the client, streams under way end, nothing is reset.

use bytes::Bytes;
use h2::client::SendRequest;
use lameduck_server::{Closings, IdleHold};
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
