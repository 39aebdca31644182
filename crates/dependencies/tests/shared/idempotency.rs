//! `Idempotency-Key`, and what the answer depends on.

use lameduck::axum::Router;
use lameduck::axum::body::{Body, to_bytes};
use lameduck::axum::extract::State;
use lameduck::axum::http::{HeaderMap, Request, StatusCode};
use lameduck::axum::response::{IntoResponse, Response};
use lameduck::axum::routing::post;
use lameduck_dependencies::sql::{Idempotency, Migration, Sql, Tx};
use lameduck_dependencies::values;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tower::ServiceExt;

const EFFECTS: Migration = Migration::new("effects_1", "CREATE TABLE effects (what TEXT NOT NULL)");

/// What a handler waits for if its body asks it to.
#[derive(Clone, Default)]
struct Steps {
    entered: Arc<Notify>,
    go_on: Arc<Notify>,
}

/// Has an effect, then answers as the body says.
async fn handler(State(steps): State<Steps>, mut tx: Tx, body: String) -> Response {
    tx.execute("INSERT INTO effects (what) VALUES ($1)", values![&body]).await.unwrap();
    match body.as_str() {
        "refuse" => (StatusCode::BAD_REQUEST, "refused").into_response(),
        "fail" => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        "wait" => {
            steps.entered.notify_one();
            steps.go_on.notified().await;
            "waited".into_response()
        }
        _ => (StatusCode::CREATED, [("location", "/effects/1")], format!("did {body}")).into_response(),
    }
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

async fn send(app: &Router, key: Option<&str>, body: &str) -> Answer {
    let mut request = Request::post("/effects");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let response = app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

async fn effects(sql: &Sql) -> i64 {
    let mut tx = sql.read().await.unwrap();
    let count = tx.row("SELECT COUNT(*) FROM effects", &[]).await.unwrap().unwrap().get(0).unwrap();
    tx.rollback().await;
    count
}

/// All of it, on a database without its tables.
pub(crate) async fn all(sql: &Sql) {
    sql.migrate(&[Idempotency::MIGRATION, EFFECTS]).await.unwrap();
    let steps = Steps::default();
    let app = |idempotency: &Idempotency| {
        Router::new().route("/effects", idempotency.on(post(handler))).with_state(steps.clone())
    };
    let idempotency = Idempotency::new(sql);
    let routes = app(&idempotency);
    once_for_each_key(sql, &routes).await;
    errors_are_not_kept(sql, &routes).await;
    one_at_a_time(&routes, &steps).await;
    // Another replica has another memory and the same database.
    if sql.dialect() == lameduck_dependencies::sql::Dialect::Postgres {
        one_at_a_time_across(&routes, &app(&Idempotency::new(sql)), &steps).await;
    }

    let before = effects(sql).await;
    let required = app(&Idempotency::new(sql).required());
    assert_eq!(send(&required, None, "x").await.status, 400);
    assert_eq!(effects(sql).await, before);

    assert_eq!(idempotency.expire().await, Ok(0), "nothing is as old as that");
    let short = Idempotency::new(sql).keep(Duration::ZERO);
    assert_eq!(send(&app(&short), Some("short"), "x").await.status, 201);
    assert_eq!(send(&app(&short), Some("short"), "y").await.status, 201, "a key that expired is free");
    assert_eq!(short.expire().await, Ok(1));
}

async fn once_for_each_key(sql: &Sql, app: &Router) {
    let first = send(app, Some("a"), "x").await;
    assert_eq!((first.status, first.body.as_str()), (201, "did x"));
    assert!(!first.headers.contains_key("idempotency-replayed"));
    for key in ["a", "\"a\""] {
        let again = send(app, Some(key), "x").await;
        assert_eq!((again.status, again.body.as_str()), (201, "did x"));
        assert_eq!(again.headers["location"], "/effects/1");
        assert_eq!(again.headers["content-type"], first.headers["content-type"]);
        assert_eq!(again.headers["idempotency-replayed"], "true");
    }
    assert_eq!(send(app, Some("a"), "y").await.status, 422);
    assert_eq!(effects(sql).await, 1);
    for (key, status) in [("", 400), ("two words", 400), (&*"k".repeat(256), 400), (&*"k".repeat(255), 201)] {
        assert_eq!(send(app, Some(key), "x").await.status, status, "{key:?}");
    }
    assert_eq!(send(app, None, "x").await.status, 201);
    assert_eq!(send(app, None, "x").await.status, 201);
    assert_eq!(effects(sql).await, 4, "without a key each counts");
}

async fn errors_are_not_kept(sql: &Sql, app: &Router) {
    let before = effects(sql).await;
    for (body, status) in [("refuse", 400), ("fail", 500)] {
        for _ in 0..2 {
            assert_eq!(send(app, Some("e"), body).await.status, status);
        }
        assert_eq!(effects(sql).await, before, "what an error did is rolled back");
    }
    assert_eq!(send(app, Some("e"), "x").await.status, 201, "the key is free again");
}

async fn one_at_a_time(app: &Router, steps: &Steps) {
    let first = tokio::spawn({
        let app = app.clone();
        async move { send(&app, Some("w"), "wait").await.status }
    });
    steps.entered.notified().await;
    let second = send(app, Some("w"), "wait").await;
    assert_eq!(second.status, 409);
    assert_eq!(second.headers["retry-after"], "1");
    steps.go_on.notify_one();
    assert_eq!(first.await.unwrap(), 200);
    assert_eq!(send(app, Some("w"), "wait").await.body, "waited");
}

async fn one_at_a_time_across(app: &Router, other: &Router, steps: &Steps) {
    let first = tokio::spawn({
        let app = app.clone();
        async move { send(&app, Some("across"), "wait").await.status }
    });
    steps.entered.notified().await;
    assert_eq!(send(other, Some("across"), "wait").await.status, 409);
    steps.go_on.notify_one();
    assert_eq!(first.await.unwrap(), 200);
    assert_eq!(send(other, Some("across"), "wait").await.body, "waited");
}
