//! Slices in, facts out, while everything works.

use crate::api_server::{ApiServer, UID, endpoints, list, slice};
use lameduck_cluster::Options;

const OTHER: (&str, bool, bool) = ("other", true, false);

#[tokio::test]
async fn a_pod_leaves_its_service() {
    let mut server = ApiServer::start().await;
    let mut facts = server.watch(Options { services: vec!["web".to_owned(), "api".to_owned()], ..Options::default() });

    let ask = server.slices.list().await;
    assert_eq!(ask.uri.path(), "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices");
    assert_eq!(ask.query("resourceVersion").as_deref(), Some("0"), "the API server may answer from memory");
    assert_eq!(ask.query("labelSelector").as_deref(), Some("kubernetes.io/service-name in (web,api)"));
    ask.json(&list("5", &[slice("web-a", "web", "4", &[(UID, true, false), OTHER])]));
    assert_eq!(facts.next().await, endpoints(true, false));

    let ask = server.slices.watch_from("5").await;
    assert_eq!(ask.query("allowWatchBookmarks").as_deref(), Some("true"));
    assert_eq!(ask.query("timeoutSeconds").as_deref(), Some("4"), "shorter than our own limit of 5 s");
    let watch = ask.stream();
    watch.send("MODIFIED", slice("web-a", "web", "6", &[(UID, false, true), OTHER])).await;
    assert_eq!(facts.next().await, endpoints(false, false));
}

#[tokio::test]
async fn without_names_the_whole_namespace_counts() {
    let mut server = ApiServer::start().await;
    let _facts = server.watch(Options::default());
    assert_eq!(server.slices.list().await.query("labelSelector"), None);
}

#[tokio::test]
async fn a_pod_in_no_service_is_told_at_once() {
    let mut server = ApiServer::start().await;
    let mut facts = server.watch(Options::default());
    server.slices.list().await.json(&list("5", &[slice("web-a", "web", "4", &[OTHER])]));
    assert_eq!(facts.next().await, endpoints(false, false));
}

#[tokio::test]
async fn several_services_must_all_let_go() {
    let mut server = ApiServer::start().await;
    let mut facts = server.watch(Options::default());
    let us = (UID, true, false);
    let both = [slice("web-a", "web", "4", &[us, OTHER]), slice("api-a", "api", "4", &[us, OTHER])];
    server.slices.list().await.json(&list("5", &both));
    assert_eq!(facts.next().await, endpoints(true, false));
    let watch = server.slices.watch_from("5").await.stream();
    watch.send("MODIFIED", slice("web-a", "web", "6", &[(UID, false, true), OTHER])).await;
    // The other slice forgets our neighbour: we are its last one, and still registered there.
    watch.send("MODIFIED", slice("api-a", "api", "7", &[us])).await;
    assert_eq!(facts.next().await, endpoints(true, true));
    watch.send("MODIFIED", slice("api-a", "api", "8", &[(UID, false, true), OTHER])).await;
    assert_eq!(facts.next().await, endpoints(false, false));
}

#[tokio::test]
async fn an_endpoint_that_moves_to_another_slice_never_looks_gone() {
    let mut server = ApiServer::start().await;
    let mut facts = server.watch(Options::default());
    let us = (UID, true, false);
    server.slices.list().await.json(&list("5", &[slice("web-a", "web", "4", &[us, OTHER])]));
    assert_eq!(facts.next().await, endpoints(true, false));
    let watch = server.slices.watch_from("5").await.stream();
    watch.send("ADDED", slice("web-b", "web", "6", &[us])).await;
    watch.send("MODIFIED", slice("web-a", "web", "7", &[OTHER])).await;
    watch.send("DELETED", slice("web-a", "web", "8", &[])).await;
    // The verdict changed once in all of that: with web-a went our neighbour.
    assert_eq!(facts.next().await, endpoints(true, true));
    watch.send("DELETED", slice("web-b", "web", "9", &[us])).await;
    assert_eq!(facts.next().await, endpoints(false, false));
}

#[tokio::test]
async fn dual_stack_slices_are_two_and_both_count() {
    let mut server = ApiServer::start().await;
    let mut facts = server.watch(Options::default());
    let six = |version, endpoints: &[(&str, bool, bool)]| {
        let mut slice = slice("web-six", "web", version, endpoints);
        slice["addressType"] = "IPv6".into();
        slice
    };
    let us = (UID, true, false);
    server.slices.list().await.json(&list("5", &[slice("web-four", "web", "4", &[us, OTHER]), six("4", &[us, OTHER])]));
    assert_eq!(facts.next().await, endpoints(true, false));
    let watch = server.slices.watch_from("5").await.stream();
    watch.send("MODIFIED", slice("web-four", "web", "6", &[(UID, false, true), OTHER])).await;
    watch.send("MODIFIED", six("7", &[us])).await;
    assert_eq!(facts.next().await, endpoints(true, true), "over IPv6 nobody takes over");
    watch.send("MODIFIED", six("8", &[(UID, false, true), OTHER])).await;
    assert_eq!(facts.next().await, endpoints(false, false));
}

#[tokio::test]
async fn bookmarks_move_the_place_to_go_on_from() {
    let mut server = ApiServer::start().await;
    let mut facts = server.watch(Options::default());
    server.slices.list().await.json(&list("5", &[slice("web-a", "web", "4", &[(UID, true, false)])]));
    assert_eq!(facts.next().await, endpoints(true, true));
    let watch = server.slices.watch_from("5").await.stream();
    watch.bookmark("EndpointSlice", "900").await;
    drop(watch);
    let watch = server.slices.watch_from("900").await.stream();
    watch.send("MODIFIED", slice("web-a", "web", "901", &[(UID, false, true)])).await;
    assert_eq!(facts.next().await, endpoints(false, true));
    drop(watch);
    server.slices.watch_from("901").await;
}

#[tokio::test]
async fn dropping_the_receiver_ends_the_watch() {
    let mut server = ApiServer::start().await;
    let cluster = server.cluster(Options::default());
    let (sender, facts) = tokio::sync::mpsc::channel(1);
    let watching =
        tokio::spawn(
            async move { tokio::join!(cluster.watch_endpoints(sender.clone()), cluster.watch_deletion(sender)) },
        );
    server.slices.list().await.json(&list("5", &[]));
    server.slices.watch_from("5").await.stream();
    server.pods.watch_from("0").await.stream();
    drop(facts);
    watching.await.unwrap();
}
