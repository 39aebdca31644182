//! Time, bytes, calls at once: each has its bound.

use crate::server::{Does, OK, get, serve};
use lameduck_client::{CallError, Client, Options};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

#[tokio::test]
async fn a_silent_server_costs_the_time_that_is_left_and_no_more() {
    let (address, seen) = serve(Does::Waits(Arc::new(Semaphore::new(0)), OK)).await;
    let hour = Duration::from_secs(3600);
    let left = Duration::from_millis(50);
    for (timeout, left) in [(hour, Some(left)), (left, None), (left, Some(hour))] {
        let client = Client::new(Options { timeout, ..Options::default() }).unwrap();
        let error = client.call(get(address), left).await.unwrap_err();
        assert_eq!(error, CallError::TimedOut(Duration::from_millis(50)));
        assert!(!error.is_unsent(), "the server may have it");
    }
    assert_eq!(seen.requests(), 3, "none was sent again");
}

#[tokio::test]
async fn no_time_left_is_a_time_out_and_nothing_is_sent() {
    let (address, seen) = serve(Does::Answers(OK)).await;
    let client = Client::new(Options::default()).unwrap();
    let error = client.call(get(address), Some(Duration::ZERO)).await.unwrap_err();
    assert_eq!((error, seen.requests()), (CallError::TimedOut(Duration::ZERO), 0));
}

#[tokio::test]
async fn a_body_has_a_limit_with_a_length_and_without() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    const SIZED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    for body in [CHUNKED, SIZED] {
        let (address, _) = serve(Does::Answers(body)).await;
        for (response_bytes_max, fits) in [(5, true), (4, false)] {
            let client = Client::new(Options { response_bytes_max, ..Options::default() }).unwrap();
            match client.call(get(address), None).await {
                Ok(answer) => assert!(fits && answer.body().len() == 5),
                Err(error) => assert_eq!((fits, error), (false, CallError::TooLarge { bytes_max: 4 })),
            }
        }
    }
}

#[tokio::test]
async fn more_calls_than_the_limit_wait() {
    let gate = Arc::new(Semaphore::new(0));
    let (address, seen) = serve(Does::Waits(gate.clone(), OK)).await;
    let client = Client::new(Options { calls_max: 2, ..Options::default() }).unwrap();
    let calls: Vec<_> = (0..5)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.call(get(address), None).await })
        })
        .collect();
    seen.requests_are(2).await;
    let late = client.call(get(address), Some(Duration::from_millis(20))).await;
    assert_eq!(late.unwrap_err(), CallError::TimedOut(Duration::from_millis(20)), "its time runs while it waits");
    assert_eq!(seen.requests(), 2);
    gate.add_permits(5);
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().status().as_u16(), 200);
    }
    assert_eq!(seen.requests(), 5);
}
