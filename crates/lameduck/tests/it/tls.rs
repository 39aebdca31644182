//! TLS in the engine: what is refused as a configuration, which listeners have it, what a handler knows of its client.

use crate::support::{ready, sources, start};
use lameduck::axum::{Extension, Router, routing::get};
use lameduck::config::{Key, Kind};
use lameduck::{ClientCertificate, Connection, Service, TlsVersion, anyhow};
use lameduck_testing::Client;
use lameduck_testing::tls::{Authority, Signed};
use std::path::Path;

const INTERNAL: Key = Key::new("listen.internal", Kind::Address, "127.0.0.1:0", "Requests of other teams.");

fn service() -> Service {
    let routes = async || {
        let who = async |client: Option<Extension<ClientCertificate>>, Extension(connection): Extension<Connection>| {
            let by = connection.tls_version().map_or("plain", TlsVersion::as_str);
            let Some(Extension(client)) = client else { return format!("{by} nobody") };
            format!("{by} {} {} {}", client.subject(), client.common_name().unwrap_or("-"), client.names().join(" "))
        };
        anyhow::Ok(Router::new().route("/who", get(who)))
    };
    Service::new("test").routes(move |_| routes()).listener(&INTERNAL, move |_| routes())
}

/// The files of `server` in `folder`, as keys.
fn files(folder: &Path, server: &Signed) -> [(&'static str, String); 2] {
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    [("tls.cert_file", write("tls.crt", server.pem())), ("tls.key_file", write("tls.key", server.key_pem()))]
}

fn who(mut client: Client) -> String {
    client.send("GET", "/who", &[], b"").unwrap().text()
}

#[tokio::test]
async fn a_handler_knows_the_verified_names_of_its_client() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, clients) = (Authority::new(), Authority::new());
    let ca = folder.path().join("ca.crt");
    std::fs::write(&ca, clients.pem()).unwrap();
    let [cert, key] = files(folder.path(), &authority.server());
    let keys = [(cert.0, &*cert.1), (key.0, &*key.1), ("tls.client_ca_file", ca.to_str().unwrap())];
    let engine = start(service(), &keys);
    ready(&engine).await;
    let known = clients.client("orders", "orders.shop.svc", "spiffe://shop/orders");
    let client = Client::connect_tls(engine.addresses().http, authority.trusting(&[], Some(&known))).unwrap();
    assert_eq!(who(client), "1.3 CN=orders orders orders.shop.svc spiffe://shop/orders");
    engine.shutdown();
    assert_eq!(engine.ended().await.exit.code(), 0);
}

#[tokio::test]
async fn tls_is_where_the_list_says() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let [cert, key] = files(folder.path(), &authority.server());
    for (listeners, http, internal) in
        [(None, true, false), (Some("internal"), false, true), (Some("http,internal"), true, true)]
    {
        let keys = [Some((cert.0, &*cert.1)), Some((key.0, &*key.1)), listeners.map(|list| ("tls.listeners", list))];
        let keys: Vec<_> = keys.into_iter().flatten().collect();
        let engine = start(service(), &keys);
        ready(&engine).await;
        let addresses = engine.addresses();
        for (address, tls) in [(addresses.http, http), (addresses.listener("internal").unwrap(), internal)] {
            let client = Client::connect_tls(address, authority.trusting(&[], None));
            let (client, expected) =
                if tls { (client.unwrap(), "1.3 nobody") } else { (Client::connect(address).unwrap(), "plain nobody") };
            assert_eq!(who(client), expected, "{listeners:?}");
        }
        engine.shutdown();
        assert_eq!(engine.ended().await.exit.code(), 0);
    }
}

#[test]
fn keys_that_do_not_go_together_are_refused_with_the_remedy() {
    let (cert, key) = (("tls.cert_file", "/c"), ("tls.key_file", "/k"));
    for (keys, expected) in [
        (vec![key], "tls.key_file = /k: expected tls.cert_file as well: the certificate of this key"),
        (vec![cert], "tls.cert_file = /c: expected tls.key_file as well: the private key of this certificate"),
        (vec![("tls.client_ca_file", "/a")], "expected tls.cert_file and tls.key_file as well"),
        (
            vec![cert, key, ("tls.listeners", "grcp")],
            "this service has no listener called grcp; its listeners are http, internal",
        ),
        (vec![cert, key, ("tls.listeners", "admin")], "the admin port has no TLS; remove admin from the list"),
    ] {
        let refused = service().load(&sources(&keys)).unwrap_err().to_string();
        assert!(refused.contains(expected), "{expected}\nis not in\n{refused}");
    }
    let off = service().load(&sources(&[("tls.listeners", "internal")])).unwrap();
    assert_eq!(off.config.tls, None, "nothing but the list: plain");
}
