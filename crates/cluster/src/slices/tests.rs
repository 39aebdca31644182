use super::*;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::discovery::v1::EndpointConditions;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

const US: &str = "uid-of-us";

/// `ready serving terminating`, each `t`, `f` or `-` (missing).
fn endpoint(uid: &str, conditions: &str) -> Endpoint {
    let condition = |index: usize| match conditions.as_bytes()[index] {
        b't' => Some(true),
        b'f' => Some(false),
        _ => None,
    };
    Endpoint {
        target_ref: Some(ObjectReference { uid: Some(uid.to_owned()), ..ObjectReference::default() }),
        conditions: Some(EndpointConditions { ready: condition(0), serving: condition(1), terminating: condition(2) }),
        ..Endpoint::default()
    }
}

fn slice(name: &str, service: &str, family: &str, endpoints: &[(&str, &str)]) -> EndpointSlice {
    EndpointSlice {
        address_type: family.to_owned(),
        endpoints: endpoints.iter().map(|(uid, conditions)| endpoint(uid, conditions)).collect(),
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some([(SERVICE_LABEL.to_owned(), service.to_owned())].into()),
            ..ObjectMeta::default()
        },
        ..EndpointSlice::default()
    }
}

fn verdict(slices: &[EndpointSlice]) -> (bool, bool) {
    let mut view = View::new(US, false);
    view.replace(slices);
    let Verdict { registered, last_serving } = view.verdict();
    (registered, last_serving)
}

#[test]
fn registered_until_terminating_or_not_ready() {
    let check = |conditions: &str, registered: bool| {
        let slices = [slice("web-a", "web", "IPv4", &[(US, conditions), ("other", "ttf")])];
        assert_eq!(verdict(&slices).0, registered, "ready, serving, terminating = {conditions}");
    };
    check("ttf", true);
    check("---", true);
    check("t--", true);
    check("ftt", false);
    check("fff", false);
    check("f--", false);
    // publishNotReadyAddresses: ready stays true to the end.
    check("ttt", false);
}

#[test]
fn every_slice_must_let_go() {
    let web = |conditions| slice("web-a", "web", "IPv4", &[(US, conditions), ("other", "ttf")]);
    let api = |conditions| slice("api-a", "api", "IPv4", &[(US, conditions), ("other", "ttf")]);
    assert!(verdict(&[web("ttf"), api("ttf")]).0);
    assert!(verdict(&[web("ftt"), api("ttf")]).0);
    assert!(!verdict(&[web("ftt"), api("ftt")]).0);
}

#[test]
fn a_dual_stack_service_has_two_slices_that_name_the_pod() {
    let family = |name, family, conditions| slice(name, "web", family, &[(US, conditions), ("other", "ttf")]);
    assert!(verdict(&[family("web-4", "IPv4", "ftt"), family("web-6", "IPv6", "ttf")]).0);
    assert!(!verdict(&[family("web-4", "IPv4", "ftt"), family("web-6", "IPv6", "ftt")]).0);
    // The other pod has no IPv6 address: over IPv6 nobody takes over.
    let lonely = slice("web-6", "web", "IPv6", &[(US, "ftt")]);
    assert_eq!(verdict(&[family("web-4", "IPv4", "ftt"), lonely]), (false, true));
}

#[test]
fn a_pod_in_no_service_is_not_registered_and_not_the_last() {
    assert_eq!(verdict(&[]), (false, false));
    assert_eq!(verdict(&[slice("web-a", "web", "IPv4", &[("other", "ttf")])]), (false, false));
}

#[test]
fn an_endpoint_without_a_target_is_somebody_else() {
    let mut external = slice("web-a", "web", "IPv4", &[(US, "ttf")]);
    external.endpoints.push(Endpoint::default());
    assert_eq!(verdict(&[external]), (true, false));
}

#[test]
fn the_last_one_is_told_by_who_would_take_over() {
    let check = |others: &[(&str, &str)], last: bool| {
        let mut endpoints = vec![(US, "ftt")];
        endpoints.extend(others);
        let slices = [slice("web-a", "web", "IPv4", &endpoints)];
        assert_eq!(verdict(&slices).1, last, "others: {others:?}");
    };
    check(&[], true);
    check(&[("b", "ttf")], false);
    check(&[("b", "fff")], true);
    // Leaving together: neither takes over for the other.
    check(&[("b", "ftt")], true);
    check(&[("b", "ftt"), ("c", "t--")], false);
    // publishNotReadyAddresses: ready says nothing, serving does.
    check(&[("b", "tff")], true);
}

#[test]
fn others_in_another_slice_of_the_same_service_count() {
    let ours = slice("web-a", "web", "IPv4", &[(US, "ttf")]);
    let theirs = slice("web-b", "web", "IPv4", &[("b", "ttf")]);
    let foreign = slice("api-a", "api", "IPv4", &[("b", "ttf")]);
    assert_eq!(verdict(&[ours.clone(), theirs]), (true, false));
    assert_eq!(verdict(&[ours, foreign]), (true, true));
}

#[test]
fn the_last_one_of_any_service_is_the_last_one() {
    let web = slice("web-a", "web", "IPv4", &[(US, "ttf"), ("b", "ttf")]);
    let admin = slice("admin-a", "admin", "IPv4", &[(US, "ttf")]);
    assert_eq!(verdict(&[web, admin]), (true, true));
}

#[test]
fn an_endpoint_that_moves_between_slices_stays_registered() {
    let mut view = View::new(US, false);
    view.replace(&[slice("web-a", "web", "IPv4", &[(US, "ttf")]), slice("web-b", "web", "IPv4", &[])]);
    let arrived = view.apply(&slice("web-b", "web", "IPv4", &[(US, "ttf")])).unwrap();
    assert_eq!((arrived.slice.as_str(), arrived.standing), ("web-b", Standing::Registered));
    assert!(view.verdict().registered);
    let left = view.apply(&slice("web-a", "web", "IPv4", &[])).unwrap();
    assert_eq!((left.slice.as_str(), left.standing), ("web-a", Standing::Absent));
    assert!(view.verdict().registered);
    let gone = view.remove(&slice("web-b", "web", "IPv4", &[])).unwrap();
    assert_eq!((gone.service.as_str(), gone.standing), ("web", Standing::Absent));
    assert!(!view.verdict().registered);
}

#[test]
fn only_what_changed_for_us_is_a_change() {
    let mut view = View::new(US, false);
    let before = slice("web-a", "web", "IPv4", &[(US, "ttf"), ("b", "ttf")]);
    assert_eq!(view.replace(std::slice::from_ref(&before)).len(), 1);
    assert!(view.replace(std::slice::from_ref(&before)).is_empty());
    assert!(view.apply(&slice("web-a", "web", "IPv4", &[(US, "ttf")])).is_none());
    assert_eq!(view.replace(&[]).len(), 1, "a list without the slice lets go of us");
}

#[test]
fn with_local_traffic_only_the_same_node_takes_over() {
    let on = |node: &str, endpoint: Endpoint| Endpoint { node_name: Some(node.to_owned()), ..endpoint };
    let last = |local_traffic, other_node, conditions| {
        let mut web = slice("web-a", "web", "IPv4", &[]);
        web.endpoints = vec![on("one", endpoint(US, "ftt")), on(other_node, endpoint("other", conditions))];
        let mut view = View::new(US, local_traffic);
        view.replace(&[web]);
        view.verdict().last_serving
    };
    assert!(last(true, "two", "ttf"), "the other node's pod gets nothing of what comes to this node");
    assert!(!last(true, "one", "ttf"));
    assert!(last(true, "one", "ftt"), "one that leaves itself does not count");
    assert!(!last(false, "two", "ttf"), "control: with cluster-wide traffic it takes over");
}
