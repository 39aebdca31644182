//! How work ends: jobs finished, lost, left open; requests cut by `close`.

use crate::support::{ask, get, ready, start};
use lameduck::axum::{Router, routing::get as on_get};
use lameduck::{Handle, Service, Start, Worker, anyhow};
use std::future::pending;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};

#[tokio::test]
async fn jobs_that_requests_left_behind_are_worked_off() {
    let service = Service::new("test").routes(async |start: Start| {
        let (queue, mut waiting) = mpsc::channel(16);
        start.worker("worker", async move |worker: Worker| {
            worker.releasing().await;
            waiting.close();
            while let Some(job) = waiting.recv().await {
                lameduck::Job::finish(job);
            }
            anyhow::Ok(())
        });
        let submit = async move |handle: Handle| {
            queue.send(handle.jobs().accept("some")).await.unwrap();
        };
        anyhow::Ok(Router::new().route("/submit", on_get(submit)))
    });
    let engine = start(service, &[]);
    ready(&engine).await;
    for _ in 0..5 {
        assert!(get(engine.addresses().http, "/submit").await.starts_with("HTTP/1.1 200"));
    }
    engine.shutdown();
    let report = engine.ended().await;
    assert_eq!((report.document.jobs.accepted, report.document.jobs.finished), (5, 5));
    assert_eq!(report.exit.code(), 0, "{:?}", report.document);
}

#[tokio::test]
async fn a_lost_job_is_named_and_decides_the_exit_code() {
    let service = Service::new("test").routes(async |start: Start| {
        drop(start.jobs().accept("dropped"));
        drop(start.jobs().accept("dropped as well"));
        let open = start.jobs().accept("open at the end");
        start.worker("holder", async move |worker: Worker| {
            let _open = open;
            worker.releasing().await;
            pending().await
        });
        anyhow::Ok(Router::new())
    });
    let engine = start(service, &[("drain.release", "100ms")]);
    ready(&engine).await;
    engine.shutdown();
    let report = engine.ended().await;
    assert_eq!(report.exit.code(), 3);
    assert_eq!(report.document.jobs.lost, ["dropped", "dropped as well", "open at the end"]);
}

#[tokio::test]
async fn close_cuts_what_is_in_flight_and_says_so() {
    let entered = Arc::new(Notify::new());
    let inside = entered.clone();
    let stuck = async move || {
        inside.notify_one();
        pending::<()>().await;
    };
    let routes = Router::new().route("/stuck", on_get(stuck));
    let engine = start(Service::new("test").routes(async |_| anyhow::Ok(routes)), &[]);
    ready(&engine).await;
    let http = engine.addresses().http;
    let request = tokio::spawn(async move { get(http, "/stuck").await });
    entered.notified().await;
    engine.close();
    let report = engine.ended().await;
    assert_eq!((report.exit.code(), report.document.ledger.in_flight()), (3, 0));
    assert_eq!(report.document.ledger.lost(), 1);
    let named: Vec<_> = report.document.stragglers.iter().map(|left| (&*left.name, left.waits_for.as_str())).collect();
    assert!(matches!(named[..], [(name, "handler")] if name.ends_with("GET /stuck")), "{named:?}");
    assert!(report.document.stragglers[0].request_id.is_some());
    drop(request);
}

/// The report is written when nothing is left of the request: only who looked before the cut can name it.
#[tokio::test]
async fn a_request_that_was_cut_is_named_when_it_has_gone() {
    let (entered, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inside, dropped) = (entered.clone(), gone.clone());
    let service = Service::new("test")
        .worker("last", async move |worker: Worker| {
            worker.releasing().await;
            gone.notified().await;
            anyhow::Ok(())
        })
        .routes(async move |_| {
            let stuck = async move || {
                let _gone = Gone(dropped.clone());
                inside.notify_one();
                pending::<()>().await;
            };
            anyhow::Ok(Router::new().route("/stuck", on_get(stuck)))
        });
    let engine = start(service, &[("drain.timeout", "50ms"), ("drain.release", "20s"), ("drain.grace_period", "60s")]);
    ready(&engine).await;
    let http = engine.addresses().http;
    let request = tokio::spawn(async move { ask(http, "GET /stuck", "x-request-id: r-1\r\n").await });
    entered.notified().await;
    engine.shutdown();
    let report = engine.ended().await;
    assert_eq!((report.exit.code(), report.document.ledger.lost()), (3, 1));
    let named: Vec<_> = report.document.stragglers.iter().map(|left| left.request_id.as_deref()).collect();
    assert_eq!(named, [Some("r-1")], "{:?}", report.document.stragglers);
    drop(request);
}

/// Says when it is dropped.
struct Gone(Arc<Notify>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn a_dropped_engine_is_closed() {
    let engine = start(Service::new("test"), &[]);
    ready(&engine).await;
    let handle = engine.handle().clone();
    drop(engine);
    handle.releasing().await;
}
