//! Several work listeners: one ledger, one drain, a key for each.

use crate::support::{get, ready, sources, start};
use lameduck::axum::{Router, routing::get as on_get};
use lameduck::config::{Key, Kind, Sources};
use lameduck::{Service, anyhow};
use tokio::net::TcpStream;

const INTERNAL: Key = Key::new("listen.internal", Kind::Address, "127.0.0.1:0", "Requests of other teams.");

fn service() -> Service {
    let routes = |path: &'static str| async move { anyhow::Ok(Router::new().route(path, on_get(async move || path))) };
    Service::new("test").routes(move |_| routes("/outside")).listener(&INTERNAL, move |_| routes("/inside"))
}

#[tokio::test]
async fn each_listener_has_its_routes_and_all_share_one_ledger_and_one_drain() {
    let engine = start(service(), &[]);
    ready(&engine).await;
    let http = engine.addresses().http;
    let internal = engine.addresses().listener("internal").unwrap();
    assert_eq!(engine.addresses().listener("http"), Some(http));
    assert_eq!(engine.addresses().listener("other"), None);
    assert!(get(http, "/outside").await.starts_with("HTTP/1.1 200"));
    assert!(get(internal, "/inside").await.starts_with("HTTP/1.1 200"));
    assert!(get(http, "/inside").await.starts_with("HTTP/1.1 404"), "routes are not shared");
    engine.shutdown();
    let report = engine.ended().await;
    assert_eq!((report.exit.code(), report.document.ledger.started()), (0, 3));
    for address in [http, internal] {
        assert!(TcpStream::connect(address).await.is_err(), "{address} still listens");
    }
}

#[test]
fn the_key_of_a_listener_exists_only_where_it_is_registered() {
    let internal = sources(&[("listen.internal", "127.0.0.1:0")]);
    assert!(service().load(&internal).is_ok());
    let refused = Service::new("test").load(&internal).unwrap_err().to_string();
    assert!(refused.contains("listen.internal: unknown key"), "{refused}");
    let problem = service().load(&sources(&[("listen.internal", "here")])).unwrap_err().to_string();
    assert!(problem.contains("listen.internal"), "{problem}");
    let twice = sources(&[("listen.internal", "127.0.0.1:7000"), ("listen.http", "0.0.0.0:7000")]);
    let problem = service().load(&twice).unwrap_err().to_string();
    assert!(problem.contains("port 7000 is used twice"), "{problem}");
}

#[test]
fn a_configuration_that_was_loaded_without_the_listener_is_an_error_with_the_remedy() {
    let loaded = lameduck::config::load::<()>(&Sources::default()).unwrap();
    let error = lameduck::start(service(), loaded).unwrap_err().to_string();
    assert!(error.contains("listen.internal") && error.contains("Service::load"), "{error}");
}

#[test]
fn a_name_is_taken_once() {
    let twice = || service().listener(&INTERNAL, async |_| anyhow::Ok(Router::new()));
    let refused = std::panic::catch_unwind(twice).map(drop).unwrap_err();
    assert_eq!(refused.downcast_ref::<String>().unwrap(), "there are two listeners of the name internal");
}
