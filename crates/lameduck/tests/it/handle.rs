//! The read-only handle: in handlers, in workers, anywhere on the work runtime.

use crate::support::{get, ready, start};
use lameduck::axum::{Extension, Router, routing::get as on_get};
use lameduck::{Handle, PhaseName, Service, anyhow};

#[tokio::test]
async fn a_handler_sees_the_phase_and_the_time_that_is_left() {
    async fn phase(handle: Handle) -> String {
        let current = Handle::current().unwrap();
        assert_eq!(current.phase(), handle.phase());
        format!("{} {}", handle.phase(), handle.time_left().is_some())
    }
    let routes = Router::new().route("/phase", on_get(phase));
    let settings = [("drain.strategy", "delay"), ("drain.delay", "10s")];
    let engine = start(Service::new("test").routes(async |_| anyhow::Ok(routes)), &settings);
    ready(&engine).await;
    let http = engine.addresses().http;
    assert!(get(http, "/phase").await.ends_with("ready false"));
    engine.shutdown();
    engine.handle().leaving().await;
    assert!(get(http, "/phase").await.ends_with("lame_duck true"));
    engine.close();
    assert_eq!(engine.ended().await.exit.code(), 0);
}

/// A stream that ends at `leaving` sends its client straight back here: the listener is still open. At `draining` it is
/// not.
#[tokio::test]
async fn what_ends_at_draining_finds_no_listener_to_come_back_to() {
    let engine = start(Service::new("test"), &[("drain.strategy", "delay"), ("drain.delay", "300ms")]);
    ready(&engine).await;
    let (http, handle) = (engine.addresses().http, engine.handle().clone());
    engine.shutdown();
    handle.leaving().await;
    assert!(!handle.is_draining());
    assert!(tokio::net::TcpStream::connect(http).await.is_ok(), "leaving: still accepting");
    handle.draining().await;
    assert!(tokio::net::TcpStream::connect(http).await.is_err(), "draining: closed");
    assert_eq!(engine.ended().await.exit.code(), 0);
}

#[tokio::test]
async fn without_an_engine_a_handler_is_given_a_detached_one_or_an_error() {
    use lameduck::axum::body::Body;
    use lameduck::axum::http::{Request, StatusCode};
    use tower::ServiceExt;

    let routes = || Router::new().route("/", on_get(async |handle: Handle| handle.phase().as_str()));
    let request = || Request::get("/").body(Body::empty()).unwrap();
    assert_eq!(routes().oneshot(request()).await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
    let with_one = routes().layer(Extension(Handle::detached()));
    assert_eq!(with_one.oneshot(request()).await.unwrap().status(), StatusCode::OK);
    assert_eq!(Handle::detached().phase(), PhaseName::Ready);
}
