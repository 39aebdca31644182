//! `health.path`: the work port answers as /readyz does, for load balancers that can only ask there.

use crate::support::{get, ready, sources, start};
use lameduck::axum::{Router, routing};
use lameduck::{Service, anyhow};

#[tokio::test]
async fn the_work_port_answers_as_readyz_does_and_nothing_is_counted() {
    let settings =
        [("health.path", "/healthz"), ("drain.strategy", "delay"), ("drain.delay", "300ms"), ("log.access", "all")];
    let engine = start(Service::new("test").routes(async |_| anyhow::Ok(Router::new())), &settings);
    ready(&engine).await;
    let (http, admin) = (engine.addresses().http, engine.addresses().admin);
    let ok = get(http, "/healthz").await;
    assert!(ok.starts_with("HTTP/1.1 200") && ok.ends_with("\r\n\r\nok"), "{ok}");
    let verbose = get(http, "/healthz?verbose").await;
    assert!(verbose.contains("[+]lifecycle ok"), "{verbose}");
    let metrics = get(admin, "/metrics").await;
    assert!(!metrics.contains("http_route=\"/healthz\""), "{metrics}");
    engine.shutdown();
    engine.handle().leaving().await;
    let leaving = get(http, "/healthz").await;
    assert!(leaving.starts_with("HTTP/1.1 503") && leaving.contains("leaving"), "{leaving}");
    let report = engine.ended().await;
    assert_eq!((report.exit.code(), report.document.ledger.started()), (0, 0));
}

#[tokio::test]
async fn a_path_that_the_service_has_itself_ends_the_start() {
    let routes = || Router::new().route("/healthz", routing::get(async || "mine"));
    let service = Service::new("test").routes(async move |_| anyhow::Ok(routes()));
    let report = start(service, &[("health.path", "/healthz")]).ended().await;
    assert_eq!(report.exit.code(), 1);
    let cause = report.document.cause.unwrap().text;
    assert!(cause.contains("routes") && cause.contains("/healthz"), "{cause}");
}

#[test]
fn only_a_path_is_taken() {
    let problem = Service::new("test").load(&sources(&[("health.path", "healthz")])).unwrap_err().to_string();
    assert!(problem.contains("health.path = \"healthz\": expected a path such as /healthz"), "{problem}");
}
