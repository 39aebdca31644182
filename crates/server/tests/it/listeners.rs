//! Listeners: as many as are given, each with its name and protocols; one table, one ledger, one drain.

use crate::client::{Client, Http2};
use crate::rig::{Rig, options};
use axum::Extension;
use axum::routing::get;
use lameduck_lifecycle::CloseReason;
use lameduck_server::{App, Bound, Connection, Listen, Protocols};
use std::net::SocketAddr;

fn listen(rig: &Rig, name: &'static str, protocols: Protocols) -> SocketAddr {
    let bound = Bound::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let where_from = get(async |Extension(connection): Extension<Connection>| {
        format!("{} at {}", connection.protocol(), connection.listener())
    });
    let app = App::new().route("/where", where_from);
    rig.server.serve(Listen::new(name, bound).protocols(protocols), app).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_speaks_its_protocols_and_has_a_name() {
    let rig = Rig::new(options());
    let both = listen(&rig, "both", Protocols::All);
    let first = listen(&rig, "first", Protocols::Http1);
    let second = listen(&rig, "second", Protocols::Http2);

    assert_eq!(Client::connect(both).await.get("/where").await.body, "http1 at both");
    assert_eq!(Http2::connect(both).await.get("/where").await.unwrap(), 200);
    assert_eq!(Client::connect(first).await.get("/where").await.body, "http1 at first");
    assert_eq!(Http2::connect(second).await.get("/where").await.unwrap(), 200);

    let mut refused = Client::connect(second).await;
    refused.send("GET /where HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(refused.more().await.unwrap_or(0), 0);
    assert!(Http2::connect(first).await.get("/where").await.is_err());
    let server = rig.server.clone();
    crate::rig::eventually("both are closed", || {
        server.snapshot().connections.closed_for(CloseReason::ProtocolError) == 2
    })
    .await;
    assert_eq!(rig.finish().await.started(), 4, "all of them in one ledger, ended by one drain");
}
