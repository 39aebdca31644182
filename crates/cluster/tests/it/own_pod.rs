//! The own Pod: read at start-up, watched at SIGTERM.

use crate::api_server::{ApiServer, UID};
use lameduck_cluster::{Failure, Options, PreStop};
use lameduck_lifecycle::ClusterFact;
use serde_json::{Value, json};
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

#[expect(clippy::needless_pass_by_value, reason = "json! literals read best as values")]
pub(crate) fn pod(uid: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "web-1", "namespace": "shop", "uid": uid, "resourceVersion": "3" }, "spec": spec
    })
}

pub(crate) fn deleted(uid: &str, grace_seconds: u64) -> Value {
    let mut pod = pod(uid, json!({ "containers": [] }));
    pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:30Z".into();
    pod["metadata"]["deletionGracePeriodSeconds"] = grace_seconds.into();
    pod
}

#[tokio::test]
async fn deletion_is_seen_and_so_is_a_shorter_one() {
    let mut server = ApiServer::start().await;
    let mut facts = server.watch(Options::default());
    let ask = server.pods.watch_from("0").await;
    assert_eq!(ask.uri.path(), "/api/v1/namespaces/shop/pods");
    assert_eq!(ask.query("fieldSelector").as_deref(), Some("metadata.name=web-1"));
    let watch = ask.stream();
    watch.send("ADDED", pod(UID, json!({ "containers": [] }))).await;
    watch.send("MODIFIED", deleted("somebody-else-of-that-name", 1)).await;
    watch.send("MODIFIED", deleted(UID, 30)).await;
    assert_eq!(facts.next().await, ClusterFact::Deletion { grace_period: S(30) });
    watch.send("MODIFIED", deleted(UID, 30)).await;
    watch.send("MODIFIED", deleted(UID, 5)).await;
    assert_eq!(facts.next().await, ClusterFact::Deletion { grace_period: S(5) });
    drop(watch);
    server.pods.watch_from("0").await;
}

#[tokio::test]
async fn a_pod_that_may_not_be_watched_is_no_fact() {
    let mut server = ApiServer::start().await;
    let mut facts = server.watch(Options::default());
    server.pods.next().await.refuse(403, "Forbidden");
    server.slices.list().await.json(&crate::api_server::list("5", &[]));
    assert_eq!(facts.next().await, crate::api_server::endpoints(false, false));
    server.slices.watch_from("5").await;
    assert!(server.pods.none_waits() && facts.none_waits());
}

#[tokio::test]
async fn the_read_at_start_up_finds_what_leaving_depends_on() {
    let mut server = ApiServer::start().await;
    let cluster = server.cluster(Options::default());
    let reading = tokio::spawn(async move { cluster.own_pod().await });
    let ask = server.pods.next().await;
    assert_eq!(ask.uri.path(), "/api/v1/namespaces/shop/pods/web-1");
    ask.json(&pod(
        UID,
        json!({
            "terminationGracePeriodSeconds": 45,
            "containers": [{
                "name": "web",
                "lifecycle": { "preStop": { "sleep": { "seconds": 4 } } },
                "readinessProbe": { "periodSeconds": 2, "failureThreshold": 2, "httpGet": { "port": 8081 } },
                "livenessProbe": { "terminationGracePeriodSeconds": 9, "httpGet": { "port": 8081 } }
            }]
        }),
    ));
    let found = reading.await.unwrap().unwrap();
    assert_eq!(
        (found.grace_period, found.pre_stop, found.probe_grace_period),
        (S(45), PreStop::Sleep(S(4)), Some(S(9)))
    );
    assert_eq!(found.readiness.unwrap().notices_within(), S(4));
    assert_eq!(found.container.as_deref(), Some("web"));
}

#[tokio::test]
async fn with_a_sidecar_and_no_name_the_container_is_unknown() {
    let mut server = ApiServer::start().await;
    let cluster = server.cluster(Options::default());
    let reading = tokio::spawn(async move { cluster.own_pod().await });
    let containers = json!([{ "name": "web", "lifecycle": { "preStop": { "exec": {} } } }, { "name": "proxy" }]);
    server.pods.next().await.json(&pod(UID, json!({ "containers": containers })));
    let found = reading.await.unwrap().unwrap();
    assert_eq!((found.grace_period, found.pre_stop, found.container), (S(30), PreStop::None, None));
}

#[tokio::test]
async fn the_read_fails_in_a_way_that_can_be_told() {
    let mut server = ApiServer::start().await;
    let options = Options { answer_within: Duration::from_millis(150), ..Options::default() };
    let cluster = server.cluster(options);
    let reading = tokio::spawn(async move {
        [cluster.own_pod().await, cluster.own_pod().await, cluster.own_pod().await, cluster.own_pod().await]
    });
    server.pods.next().await.refuse(403, "Forbidden");
    server.pods.next().await.refuse(404, "NotFound");
    server.pods.next().await.json(&pod("another", json!({ "containers": [] })));
    let unanswered = server.pods.next().await;
    let sentences = reading.await.unwrap().map(|result| result.unwrap_err());
    drop(unanswered);
    assert!(matches!(sentences[0], Failure::Forbidden(_)));
    let sentences = sentences.map(|failure| failure.to_string());
    assert_eq!(sentences[0], "the API server refused: scripted: Forbidden");
    assert_eq!(sentences[1], "no usable answer from the API server: 404 scripted: NotFound");
    assert_eq!(sentences[2], "no usable answer from the API server: the pod web-1 is another one by now");
    assert_eq!(sentences[3], "no usable answer from the API server: nothing within 150ms");
}
