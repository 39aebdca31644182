//! Handshakes that do not come to their end.

use crate::rig::{Rig, connect, eventually};
use lameduck_lifecycle::CloseReason;
use lameduck_server::tls::HandshakeFailure;
use lameduck_server::{Limits, Options};
use lameduck_testing::tls::{Authority, server_name};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The first message of a client.
fn client_hello(rig: &Rig) -> Vec<u8> {
    let mut session = rustls::ClientConnection::new(rig.client(&["http/1.1"]), server_name()).unwrap();
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    hello
}

/// A client that has begun its handshake and does not go on.
async fn stuck(rig: &Rig) -> TcpStream {
    let mut client = TcpStream::connect(rig.address).await.unwrap();
    client.write_all(&client_hello(rig)).await.unwrap();
    // The server has answered: it waits for the rest.
    assert!(client.read(&mut [0; 64]).await.unwrap() > 0);
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_handshake_has_a_bound() {
    let limits = Limits { header_timeout: Duration::from_millis(50), ..Limits::default() };
    let rig = Rig::new(Options { limits, ..Options::default() });
    let client = stuck(&rig).await;
    rig.closed_for(CloseReason::HandshakeTimeout).await;
    assert_eq!(rig.server.snapshot().handshakes.failed(HandshakeFailure::Timeout), 1);
    drop(client);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_nothing_has_the_bound_of_the_first_byte() {
    let limits = Limits { first_byte_timeout: Duration::from_millis(50), ..Limits::default() };
    let rig = Rig::new(Options { limits, ..Options::default() });
    let client = TcpStream::connect(rig.address).await.unwrap();
    rig.closed_for(CloseReason::FirstByteTimeout).await;
    drop(client);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_does_not_wait_for_unfinished_handshakes() {
    let limits = Limits { header_timeout: Duration::from_secs(3600), ..Limits::default() };
    let rig = Rig::new(Options { limits, ..Options::default() });
    let mut half = TcpStream::connect(rig.address).await.unwrap();
    half.write_all(&client_hello(&rig)[..20]).await.unwrap();
    let (stuck, silent) = (stuck(&rig).await, TcpStream::connect(rig.address).await.unwrap());
    eventually("three connections", || rig.server.snapshot().connections.open() == 3).await;
    let server = rig.server.clone();
    rig.finish().await;
    assert_eq!(server.snapshot().connections.closed_for(CloseReason::HandshakeTimeout), 2);
    drop((half, stuck, silent));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_tls_is_told_so() {
    let rig = Rig::new(Options::default());
    let mut client = TcpStream::connect(rig.address).await.unwrap();
    client.write_all(b"GET /ping HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer.first(), Some(&21), "an alert: {answer:?}");
    rig.closed_for(CloseReason::HandshakeFailed).await;
    assert_eq!(rig.server.snapshot().handshakes.failed(HandshakeFailure::NotTls), 1);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_counted_by_what_they_are() {
    let rig = Rig::new(Options::default());
    let failed = |failure| rig.server.snapshot().handshakes.failed(failure);
    // Looks whether the port is open: no handshake has begun.
    drop(TcpStream::connect(rig.address).await.unwrap());
    rig.closed_for(CloseReason::PeerClosed).await;
    assert_eq!(failed(HandshakeFailure::Disconnected), 0);
    drop(stuck(&rig).await);
    eventually("it has gone", || failed(HandshakeFailure::Disconnected) == 1).await;
    let distrusts = Authority::new().trusting(&[], None);
    connect(rig.address, distrusts).await.unwrap_err();
    eventually("it refuses our certificate", || failed(HandshakeFailure::RefusedByClient) == 1).await;
    assert_eq!(failed(HandshakeFailure::Other), 0);
    rig.finish().await;
}
