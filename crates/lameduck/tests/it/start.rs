//! Starts: gates that open, and everything that keeps them shut.

use crate::support::{Notes, get, ready, start};
use lameduck::axum::{Router, routing};
use lameduck::{App, Dependency, DependencyError, PhaseName, Service, Start, anyhow};
use std::future::pending;
use tokio::sync::oneshot;

struct Scripted {
    connects: Result<(), DependencyError>,
    notes: Notes,
}

impl Dependency for Scripted {
    type Handle = ();

    async fn connect(&self) -> Result<(), DependencyError> {
        self.connects.clone()
    }

    async fn release(&self, (): ()) -> Result<(), DependencyError> {
        self.notes.add("released");
        Ok(())
    }
}

fn scripted(connects: Result<(), DependencyError>, notes: &Notes) -> impl FnOnce(&()) -> Scripted + use<> {
    let notes = notes.clone();
    move |()| Scripted { connects, notes }
}

#[tokio::test]
async fn a_permanent_failure_ends_the_start_and_releases_the_rest() {
    let notes = Notes::default();
    let refused = Err(DependencyError::permanent("password refused"));
    let service = Service::new("test")
        .dependency("database", scripted(Ok(()), &notes))
        .dependency("broker", scripted(refused, &notes))
        .routes(async |_| -> anyhow::Result<App> { panic!("nothing is built without its dependencies") });
    let report = start(service, &[]).ended().await;
    assert_eq!(report.exit.code(), 1);
    let cause = report.document.cause.expect("it has left").text;
    assert_eq!(cause, "start-up failed at `broker`: password refused");
    assert_eq!(notes.all(), ["released"], "only what was acquired");
}

struct Silent;

impl Dependency for Silent {
    type Handle = ();

    async fn connect(&self) -> Result<(), DependencyError> {
        pending().await
    }
}

#[tokio::test]
async fn shutdown_while_connecting_releases_what_was_acquired() {
    let notes = Notes::default();
    let service =
        Service::new("test").dependency("database", scripted(Ok(()), &notes)).dependency("broker", |_| Silent);
    let engine = start(service, &[]);
    while !get(engine.addresses().admin, "/readyz").await.contains("waiting for broker\n") {}
    engine.shutdown();
    let report = engine.ended().await;
    assert_eq!((report.exit.code(), report.document.was_ready), (0, false));
    assert_eq!(notes.all(), ["released"]);
}

#[tokio::test]
async fn routes_that_cannot_be_built_end_the_start_with_the_reason() {
    let twice = || Router::<()>::new().route("/a", routing::get(async || ()));
    for (service, expected) in [
        (
            Service::new("test").routes(async |_| Err::<App, _>(anyhow::anyhow!("no such file").context("keys"))),
            "start-up failed at `routes`: keys: no such file",
        ),
        (
            Service::new("test").routes(async |_| -> anyhow::Result<App> { panic!("out of range") }),
            "start-up failed at `routes`: panicked: out of range",
        ),
        (
            Service::new("test")
                .routes(async move |_| anyhow::Ok(App::from(twice()).route("/a", routing::get(async || ())))),
            "start-up failed at `routes`: ",
        ),
    ] {
        let report = start(service, &[]).ended().await;
        assert_eq!(report.exit.code(), 1);
        let cause = report.document.cause.unwrap().text;
        assert!(cause.starts_with(expected), "{cause}");
        assert_eq!(report.document.ledger.started(), 0);
    }
}

#[tokio::test]
async fn a_gate_of_the_service_holds_readiness_until_it_opens() {
    let (open, opens) = oneshot::channel::<()>();
    let service = Service::new("test").routes(async |start: Start| {
        let gate = start.gate("cache");
        tokio::spawn(async move {
            opens.await.unwrap();
            gate.open();
        });
        anyhow::Ok(Router::new())
    });
    let engine = start(service, &[]);
    let admin = engine.addresses().admin;
    while !get(admin, "/readyz").await.contains("[-]startup failed: waiting for cache\n") {}
    assert!(get(admin, "/startupz").await.starts_with("HTTP/1.1 503"));
    assert!(get(admin, "/livez").await.starts_with("HTTP/1.1 200"));
    open.send(()).unwrap();
    ready(&engine).await;
    assert!(get(admin, "/startupz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn shutdown_while_routes_are_being_built_ends_clean() {
    let (entered, entering) = oneshot::channel();
    let service = Service::new("test").routes(async |_| {
        entered.send(()).unwrap();
        pending::<anyhow::Result<App>>().await
    });
    let engine = start(service, &[]);
    entering.await.unwrap();
    assert_eq!(engine.handle().phase(), PhaseName::Starting);
    engine.shutdown();
    let report = engine.ended().await;
    assert_eq!((report.exit.code(), report.document.was_ready), (0, false));
}
