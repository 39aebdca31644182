//! What the API server does wrong. The one rule: no error ever means "gone".

use crate::api_server::{ApiServer, Facts, UID, endpoints, list, slice, status};
use axum::http::StatusCode;
use lameduck_cluster::Options;
use lameduck_lifecycle::ClusterFact;
use std::time::Duration;

const OTHER: (&str, bool, bool) = ("other", true, false);

/// Short limits: these tests wait for them.
fn impatient() -> Options {
    Options { answer_within: Duration::from_millis(150), watch_for: Duration::from_secs(2), ..Options::default() }
}

/// A watch from version 5 on, with this pod registered.
async fn registered(server: &mut ApiServer, options: Options) -> Facts {
    let mut facts = server.watch(options);
    server.slices.list().await.json(&list("5", &[slice("web-a", "web", "4", &[(UID, true, false), OTHER])]));
    assert_eq!(facts.next_answer().await, endpoints(true, false));
    facts
}

#[tokio::test]
async fn gone_in_the_middle_of_a_watch_means_list_again() {
    let mut server = ApiServer::start().await;
    let mut facts = registered(&mut server, Options::default()).await;
    let watch = server.slices.watch_from("5").await.stream();
    watch.send("ERROR", status(410, "Expired")).await;
    server.slices.list().await.json(&list("70", &[slice("web-a", "web", "69", &[(UID, false, true), OTHER])]));
    assert_eq!(facts.next_answer().await, endpoints(false, false));
    server.slices.watch_from("70").await;
}

#[tokio::test]
async fn gone_as_the_answer_to_a_watch_means_list_again() {
    let mut server = ApiServer::start().await;
    let mut facts = registered(&mut server, Options::default()).await;
    server.slices.watch_from("5").await.refuse(410, "Gone");
    server.slices.list().await.json(&list("70", &[]));
    assert_eq!(facts.next_answer().await, endpoints(false, false), "a complete list without us is an answer");
}

#[tokio::test]
async fn forbidden_ends_the_asking_but_not_the_watch_of_the_pod() {
    let mut server = ApiServer::start().await;
    let mut facts = server.watch(Options::default());
    let pod = server.pods.watch_from("0").await.stream();
    server.slices.list().await.refuse(403, "Forbidden");
    assert_eq!(facts.next().await, ClusterFact::Forbidden);
    let deleted = crate::own_pod::deleted(UID, 30);
    pod.send("MODIFIED", deleted).await;
    assert_eq!(facts.next().await, ClusterFact::Deletion { grace_period: Duration::from_secs(30) });
    assert!(server.slices.none_waits(), "asking on is useless");
}

#[tokio::test]
async fn a_role_taken_away_during_the_watch_is_said() {
    let mut server = ApiServer::start().await;
    let mut facts = registered(&mut server, Options::default()).await;
    server.slices.watch_from("5").await.refuse(403, "Forbidden");
    assert_eq!(facts.next_answer().await, ClusterFact::Forbidden);
}

#[tokio::test]
async fn a_torn_watch_goes_on_from_where_it_was() {
    let mut server = ApiServer::start().await;
    let mut facts = registered(&mut server, Options::default()).await;
    let watch = server.slices.watch_from("5").await.stream();
    watch.send("MODIFIED", slice("web-a", "web", "8", &[(UID, true, false)])).await;
    assert_eq!(facts.next_answer().await, endpoints(true, true));
    watch.tear().await;
    let watch = server.slices.watch_from("8").await.stream();
    watch.send("MODIFIED", slice("web-a", "web", "9", &[(UID, false, true), OTHER])).await;
    assert_eq!(facts.next_answer().await, endpoints(false, false));
}

#[tokio::test]
async fn no_error_ever_means_gone() {
    let mut server = ApiServer::start().await;
    let mut facts = registered(&mut server, impatient()).await;
    drop(server.slices.watch_from("5").await);
    server.slices.watch_from("5").await.refuse(500, "InternalError");
    server.slices.watch_from("5").await.refuse(429, "TooManyRequests");
    server.slices.watch_from("5").await.refuse(401, "Unauthorized");
    server.slices.watch_from("5").await.raw(StatusCode::OK, "not json\n".to_owned());
    let unanswered = server.slices.watch_from("5").await;
    let ask = server.slices.watch_from("5").await;
    drop(unanswered);
    let watch = ask.stream();
    watch.send("ERROR", status(410, "Expired")).await;
    // Lists fail too, in every way, and then one answers that nothing has changed.
    drop(server.slices.list().await);
    server.slices.list().await.refuse(503, "ServiceUnavailable");
    server.slices.list().await.raw(StatusCode::OK, "{}".to_owned());
    server.slices.list().await.raw(StatusCode::OK, "<html>".to_owned());
    let unanswered = server.slices.list().await;
    let ask = server.slices.list().await;
    drop(unanswered);
    ask.json(&list("90", &[slice("web-a", "web", "4", &[(UID, true, false), OTHER])]));
    let watch = server.slices.watch_from("90").await.stream();
    watch.send("MODIFIED", slice("web-a", "web", "91", &[(UID, false, true), OTHER])).await;
    assert_eq!(facts.next_answer().await, endpoints(false, false), "the first word but `unreachable` is the real flip");
}

#[tokio::test]
async fn no_answer_is_said_and_asked_again() {
    let mut server = ApiServer::start().await;
    let mut facts = server.watch(impatient());
    let first = server.slices.list().await;
    assert_eq!(facts.next().await, ClusterFact::Unreachable);
    let second = server.slices.list().await;
    drop((first, second));
    server.slices.list().await.json(&list("5", &[]));
    assert_eq!(facts.next_answer().await, endpoints(false, false));
}

#[tokio::test]
async fn nobody_listens() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let server = ApiServer::start().await;
    let identity = server.cluster(Options::default()).identity().clone();
    let cluster = lameduck_cluster::Cluster::through_proxy(&url, identity, impatient()).unwrap();
    let (sender, mut facts) = tokio::sync::mpsc::channel(4);
    tokio::spawn(async move { cluster.watch_endpoints(sender).await });
    for _ in 0..4 {
        assert_eq!(facts.recv().await, Some(ClusterFact::Unreachable));
    }
}

#[tokio::test]
async fn a_watch_that_died_without_a_word_is_opened_anew() {
    let mut server = ApiServer::start().await;
    let mut facts = registered(&mut server, impatient()).await;
    let silent = server.slices.watch_from("5").await.stream();
    let watch = server.slices.watch_from("5").await.stream();
    drop(silent);
    watch.send("MODIFIED", slice("web-a", "web", "9", &[(UID, false, true), OTHER])).await;
    assert_eq!(facts.next_answer().await, endpoints(false, false));
}

#[tokio::test]
async fn watches_that_end_at_once_are_not_asked_in_a_hot_loop() {
    let mut server = ApiServer::start().await;
    let mut facts = registered(&mut server, Options::default()).await;
    for _ in 0..3 {
        drop(server.slices.watch_from("5").await.stream());
        // The pause belongs to the failure: without one there would be no fact.
        assert_eq!(facts.next().await, ClusterFact::Unreachable);
    }
}

#[tokio::test]
async fn the_same_answer_is_told_once() {
    let mut server = ApiServer::start().await;
    let mut facts = registered(&mut server, Options::default()).await;
    let watch = server.slices.watch_from("5").await.stream();
    watch.send("MODIFIED", slice("web-a", "web", "6", &[(UID, true, false), OTHER, ("third", true, false)])).await;
    watch.bookmark("EndpointSlice", "7").await;
    drop(watch);
    server.slices.watch_from("7").await;
    assert!(facts.none_waits());
}
