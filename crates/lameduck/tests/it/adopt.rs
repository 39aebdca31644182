//! `docs/adopt.md`: the example is what the page shows, and behaves as its table says.

#[expect(dead_code, reason = "its main is not run here")]
#[path = "../../examples/adopted.rs"]
mod adopted;

use crate::support::{get, ready, start};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const PAGE: &str = include_str!("../../../../docs/adopt.md");
const EXAMPLE: &str = include_str!("../../examples/adopted.rs");

#[test]
fn the_example_is_what_the_page_shows() {
    let diffs: Vec<_> = PAGE.split("```diff\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(diffs.len(), 2);
    for diff in diffs {
        let after = diff.lines().filter(|line| !line.starts_with('-'));
        let after: String = after.flat_map(|line| [line.get(1..).unwrap_or_default(), "\n"]).collect();
        assert!(EXAMPLE.contains(&after), "the example does not have:\n{after}");
    }
}

#[tokio::test]
async fn what_the_service_answered_it_still_answers() {
    let engine = start(adopted::service(), &[]);
    ready(&engine).await;
    for (path, status, text) in [
        ("/items/milk", "404", "no such item"),
        ("/items/broken", "500", "the shelf fell down"),
        ("/items/a/b", "404", "items: no"),
        ("/elsewhere", "404", "nothing here"),
        ("/who", "200", "127.0.0.1"),
    ] {
        let answer = get(engine.addresses().http, path).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
        assert!(answer.ends_with(text) && answer.contains("x-powered-by: coffee"), "{path}: {answer}");
    }
    engine.shutdown();
    assert_eq!(engine.ended().await.exit.code(), 0);
}

#[tokio::test]
async fn an_event_stream_that_never_ends_does_not_hold_the_exit() {
    let engine = start(adopted::service(), &[("drain.goodbye", "0s")]);
    ready(&engine).await;
    let mut client = BufReader::new(TcpStream::connect(engine.addresses().http).await.unwrap());
    client.write_all(b"GET /prices HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    let mut line = String::new();
    while !line.starts_with("data: ") {
        line.clear();
        assert!(client.read_line(&mut line).await.unwrap() > 0, "it streams");
    }
    engine.shutdown();
    let report = engine.ended().await;
    assert_eq!(report.exit.code(), 0, "{}", report.sentence());
}
