//! What a call yields.

use crate::server::{Does, OK, get, serve};
use bytes::Bytes;
use http::Request;
use lameduck_client::{CallError, Client, Options, Roots};

#[tokio::test]
async fn calls_share_a_connection_unless_there_is_no_pool() {
    for (idle_per_host, connections) in [(1, 1), (0, 3)] {
        let (address, seen) = serve(Does::Answers(OK)).await;
        let client = Client::new(Options { idle_per_host, ..Options::default() }).unwrap();
        for _ in 0..3 {
            let answer = client.call(get(address), None).await.unwrap();
            assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"ok"[..]));
            // The pool has the connection back once its task was polled again.
            while seen.connections() < connections.min(seen.requests()) {
                tokio::task::yield_now().await;
            }
            tokio::task::yield_now().await;
        }
        assert_eq!((seen.connections(), seen.requests()), (connections, 3));
    }
}

#[tokio::test]
async fn a_status_is_an_answer_whatever_it_says() {
    let (address, _) = serve(Does::Answers("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")).await;
    let answer = Client::new(Options::default()).unwrap().call(get(address), None).await.unwrap();
    assert_eq!(answer.status().as_u16(), 503);
}

#[tokio::test]
async fn what_cannot_be_asked_is_said_at_once() {
    let client = Client::new(Options { roots: Roots::None, ..Options::default() }).unwrap();
    for (url, why) in [("/path", "expected http://"), ("ftp://host/", "scheme ftp"), ("https://host/", "https")] {
        let request = Request::get(url).body(Bytes::new()).unwrap();
        let error = client.call(request, None).await.unwrap_err();
        assert!(matches!(error, CallError::Target(_)) && error.is_unsent(), "{error:?}");
        assert!(error.to_string().contains(why), "{error}");
    }
}
