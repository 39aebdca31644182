//! Further signals: SIGTERM again changes nothing, SIGINT goes one step further each time.

use crate::client::{Connection, Lost, get, must};
use crate::process::Process;
use tokio::task::JoinHandle;

/// A request that is in flight, by the ledger.
async fn in_flight(process: &Process, path: &'static str) -> JoinHandle<Result<crate::client::Answer, Lost>> {
    let mut connection = Connection::open(process.http).await.unwrap();
    let request = tokio::spawn(async move { connection.get(path).await });
    while !must(get(process.admin, "/drain").await, 200).body.contains("\"in_flight\":1") {}
    request
}

#[test]
fn terminate_again_changes_nothing() {
    let mut process = Process::ready(&["drain.strategy=delay", "drain.delay=1s"]);
    process.terminate();
    process.wait_for_phase("lame_duck");
    process.terminate();
    process.wait_for(|line| line["terminates_again"] == 1);
    let ended = process.ended();
    ended.assert_code(0);
    assert_eq!(ended.report["wait_end"], "delay", "the wait was not cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupt_once_is_graceful_without_the_wait() {
    let mut process = Process::ready(&["drain.strategy=delay", "drain.delay=10s"]);
    let slow = in_flight(&process, "/slow?ms=1000").await;
    process.interrupt();
    process.wait_for_phase("draining");
    must(slow.await.unwrap(), 200);
    let ended = process.ended();
    ended.assert_code(0);
    assert_eq!((ended.ledger("drained"), ended.report["wait_end"].as_str()), (1, Some("skipped")));
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupt_after_terminate_cuts_the_wait() {
    let mut process = Process::ready(&["drain.strategy=delay", "drain.delay=10s"]);
    process.terminate();
    process.wait_for_phase("lame_duck");
    process.interrupt();
    let ended = process.ended();
    ended.assert_code(0);
    assert_eq!(ended.report["wait_end"], "interrupted");
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupt_twice_cuts_what_is_in_flight_and_says_so() {
    let mut process = Process::ready(&[]);
    let slow = in_flight(&process, "/slow?ms=60000").await;
    process.interrupt();
    process.wait_for_phase("draining");
    process.interrupt();
    assert!(matches!(slow.await.unwrap(), Err(Lost::Cut(_))));
    let ended = process.ended();
    ended.assert_code(3);
    assert_eq!(ended.ledger("aborted"), 1);
    assert_eq!(ended.report["cut"][0], "draining");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_call_leaves_once_and_counts_as_no_signal() {
    let mut process = Process::ready(&["drain.strategy=delay", "drain.delay=1s"]);
    for _ in 0..2 {
        let answer = post(&process, "/drain").await;
        assert!(answer.contains("202 Accepted") && answer.contains("\"cause\":{\"kind\":\"requested\","), "{answer}");
    }
    process.wait_for_phase("draining");
    let ended = process.ended();
    ended.assert_code(0);
    assert_eq!(ended.report["cause"]["kind"], "requested");
}

async fn post(process: &Process, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(process.admin).await.unwrap();
    let request = format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
