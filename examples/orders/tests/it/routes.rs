//! What each route answers.

use crate::support::{all_orders, place, send, start, total};
use lameduck_testing::eventually;

#[test]
fn an_order_is_placed_once_found_listed_and_added_up() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path());
    let placed = place(service.http, "key-1", "ann", 1250).unwrap();
    assert_eq!(placed.status, 201, "{}", placed.text());
    let id = placed.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(placed.header("location"), Some(&*format!("/orders/{id}")));

    let again = place(service.http, "key-1", "ann", 1250).unwrap();
    assert_eq!((again.status, again.json()), (201, placed.json()));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(place(service.http, "key-1", "ann", 1).unwrap().status, 422);
    for number in 2..=5 {
        assert_eq!(place(service.http, &format!("key-{number}"), "bob", 100).unwrap().status, 201);
    }

    for _ in 0..2 {
        let found = service.get(&format!("/orders/{id}"));
        assert_eq!((found.status, found.json()), (200, placed.json()), "from the database, then from the cache");
    }
    assert_eq!(all_orders(service.http).len(), 5);
    let page = service.get("/orders?limit=2").json();
    assert_eq!(page["orders"].as_array().unwrap().len(), 2);
    assert_eq!(page["next"], page["orders"][1]["id"]);
    eventually("the totals follow", || (total(service.http, "bob") == (4, 400)).then_some(()));
    assert_eq!(total(service.http, "ann"), (1, 1250));
    assert_eq!(total(service.http, "nobody"), (0, 0));
    let metrics = lameduck_testing::get(service.admin, "/metrics").text();
    for expected in [
        "lameduck_dependency_up{name=\"database\"} 1",
        "lameduck_dependency_calls_total{name=\"database\",outcome=\"succeeded\"}",
        "lameduck_dependency_connections{name=\"database\",state=\"in_use\"}",
    ] {
        assert!(metrics.contains(expected), "{expected}: {metrics}");
    }
    service.stop().assert_code(0);
}

#[test]
fn documents_are_streamed_and_replaced_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path());
    let id = place(service.http, "key", "ann", 1).unwrap().json()["id"].as_str().unwrap().to_owned();
    let path = format!("/orders/{id}/document");
    assert_eq!(service.get(&path).status, 404);
    // More than axum takes by itself, and than one piece.
    let large: Vec<u8> = (0..5_000_000_u32).map(|number| (number % 251) as u8).collect();
    for document in [&large[..], b"short"] {
        assert_eq!(send(service.http, "PUT", &path, &[], document).unwrap().status, 204);
        let read = service.get(&path);
        assert_eq!((read.status, read.body.len()), (200, document.len()));
        assert!(read.body == document, "what was stored comes back");
    }
    assert_eq!(send(service.http, "PUT", "/orders/..%2F..%2Fetc/document", &[], b"x").unwrap().status, 404);
    service.stop().assert_code(0);
    let left: Vec<_> = std::fs::read_dir(folder.path().join("documents")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing else is left: {left:?}");
}

#[test]
fn errors_have_the_form_that_the_client_accepts() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path());
    let post = |body: &str, accept: &str| {
        let headers = [("content-type", "application/json"), ("accept", accept)];
        send(service.http, "POST", "/orders", &headers, body.as_bytes()).unwrap()
    };
    let wrong = r#"{"customer": "", "item": "x", "amount_cents": 1}"#;
    let plain = post(wrong, "application/json");
    assert_eq!(plain.status, 400);
    assert_eq!(plain.header("content-type"), Some("application/json"));
    assert_eq!(plain.json()["error"], "customer must be text of 1 to 200 bytes");

    let problem = post(wrong, "application/json, application/problem+json;q=0.9");
    assert_eq!(problem.header("content-type"), Some("application/problem+json"));
    let problem = problem.json();
    assert_eq!((&problem["type"], &problem["title"]), (&"about:blank".into(), &"Bad Request".into()));
    assert_eq!(
        (&problem["status"], &problem["detail"]),
        (&400.into(), &"customer must be text of 1 to 200 bytes".into())
    );
    assert!(problem["request_id"].is_string());

    for (target, status) in
        [("/orders/none", 404), ("/orders?limit=0", 400), ("/orders?limit=many", 400), ("/none", 404)]
    {
        let answer = send(service.http, "GET", target, &[("accept", "application/problem+json")], b"").unwrap();
        assert_eq!((answer.status, answer.json()["status"].as_u64()), (status, Some(u64::from(status))), "{target}");
    }
    service.stop().assert_code(0);
}
