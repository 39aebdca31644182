//! Events.

use crate::api_server::{ApiServer, UID};
use axum::http::Method;
use lameduck_cluster::{Failure, Notice, Options};
use serde_json::Value;
use std::time::Duration;

#[tokio::test]
async fn an_event_is_put_on_the_pod() {
    let mut server = ApiServer::start().await;
    let cluster = server.cluster(Options::default());
    let announcing =
        tokio::spawn(async move { cluster.announce(&Notice::DrainFinished("812 requests: 0 lost".to_owned())).await });
    let ask = server.events.next().await;
    assert_eq!((&ask.method, ask.uri.path()), (&Method::POST, "/apis/events.k8s.io/v1/namespaces/shop/events"));
    let event: Value = serde_json::from_slice(&ask.body).unwrap();
    let check = |pointer: &str, expected: &str| {
        assert_eq!(event.pointer(pointer).and_then(Value::as_str), Some(expected), "{pointer} of {event}");
    };
    check("/regarding/uid", UID);
    check("/regarding/kind", "Pod");
    check("/regarding/name", "web-1");
    check("/reason", "DrainFinished");
    check("/note", "812 requests: 0 lost");
    check("/type", "Normal");
    check("/action", "Drain");
    check("/reportingController", "lameduck");
    check("/reportingInstance", "web-1");
    let name = event.pointer("/metadata/name").and_then(Value::as_str).unwrap();
    assert!(name.starts_with("web-1.") && name.ends_with(|last: char| last.is_ascii_alphanumeric()), "{name}");
    assert!(event.pointer("/eventTime").is_some_and(Value::is_string), "{event}");
    ask.json(&event);
    announcing.await.unwrap().unwrap();
}

#[tokio::test]
async fn bad_news_is_a_warning() {
    let mut server = ApiServer::start().await;
    for notice in [Notice::DeadlineForced("x".to_owned()), Notice::BudgetContradicted("x".to_owned())] {
        let cluster = server.cluster(Options::default());
        let announcing = tokio::spawn(async move { cluster.announce(&notice).await });
        let ask = server.events.next().await;
        let event: Value = serde_json::from_slice(&ask.body).unwrap();
        assert_eq!(event["type"], "Warning", "{event}");
        ask.json(&event);
        announcing.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn an_event_is_tried_once_and_not_waited_for() {
    let mut server = ApiServer::start().await;
    let cluster = server.cluster(Options { answer_within: Duration::from_millis(150), ..Options::default() });
    let announcing = tokio::spawn(async move {
        let notice = Notice::DrainBegan("told to terminate".to_owned());
        [cluster.announce(&notice).await, cluster.announce(&notice).await]
    });
    server.events.next().await.refuse(403, "Forbidden");
    let unanswered = server.events.next().await;
    let [refused, late] = announcing.await.unwrap();
    drop(unanswered);
    assert!(matches!(refused, Err(Failure::Forbidden(_))), "{refused:?}");
    assert!(matches!(late, Err(Failure::Unreachable(_))), "{late:?}");
    assert!(server.events.none_waits());
}
