//! Nothing but what was never sent is tried again, and only if the method may be repeated.

use crate::server::{Does, OK, get, serve, serve_on};
use bytes::Bytes;
use http::Request;
use lameduck_client::{CallError, Client, Options, Retries};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpSocket;

/// More than any test needs, and less than for ever.
const PATIENT: Options = Options {
    timeout: Duration::from_secs(60),
    connect_timeout: Duration::from_secs(1),
    idle_per_host: 1,
    idle_timeout: Duration::from_secs(30),
    calls_max: 8,
    response_bytes_max: 1024,
    retries_max: 1000,
    roots: lameduck_client::Roots::None,
};

/// A port that is ours and refuses.
fn closed() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[tokio::test]
async fn a_get_waits_for_a_server_that_is_about_to_listen() {
    let (socket, address) = closed();
    let once = Client::new(Options { retries_max: 0, ..PATIENT }).unwrap();
    let refused = once.call(get(address), None).await.unwrap_err();
    assert!(matches!(refused, CallError::Connect(_)) && refused.is_unsent(), "{refused:?}");

    let patient = Client::new(PATIENT).unwrap();
    let call = tokio::spawn(async move { patient.call(get(address), None).await });
    // However slow this machine is, the first attempt of a second client is after the first one of ours began.
    let _ = once.call(get(address), None).await;
    let seen = serve_on(socket.listen(16).unwrap(), Does::Answers(OK));
    let answer = call.await.unwrap().unwrap();
    assert_eq!((answer.status().as_u16(), seen.requests()), (200, 1));
    assert!(answer.extensions().get::<Retries>().is_some());
}

#[tokio::test]
async fn a_post_is_not_tried_again() {
    let (_socket, address) = closed();
    let request = Request::post(format!("http://{address}/")).body(Bytes::from_static(b"{}")).unwrap();
    let error = Client::new(PATIENT).unwrap().call(request, None).await.unwrap_err();
    assert!(matches!(error, CallError::Connect(_)) && error.is_unsent(), "{error:?}");
}

#[tokio::test]
async fn what_a_server_has_read_is_not_sent_again() {
    let (address, seen) = serve(Does::Closes).await;
    let error = Client::new(PATIENT).unwrap().call(get(address), None).await.unwrap_err();
    assert!(matches!(error, CallError::Broken(_)) && !error.is_unsent(), "{error:?}");
    assert_eq!(seen.requests(), 1);
}
