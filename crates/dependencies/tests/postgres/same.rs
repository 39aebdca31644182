//! The same cases as on SQLite: on the server itself, and through a pooler in transaction mode.

use crate::pgbouncer::PgBouncer;
use crate::server::Server;
use crate::{idempotency, leases, queries};
use lameduck_dependencies::sql::Sql;

/// A server, a pooler whose clients share three connections, or one with prepared statements.
async fn on_each(case: impl AsyncFn(&Sql)) {
    let server = Server::start();
    case(&server.connect().await).await;
    drop(server);

    let server = Server::start();
    let pooler = PgBouncer::start(&server, 3);
    case(&pooler.connect().await).await;
    drop((pooler, server));

    let server = Server::start();
    let url = format!("{}?statement-cache-capacity=100", server.url_with_password());
    let postgres = lameduck_dependencies::Postgres::new(&url).unwrap();
    case(&crate::server::connect(&postgres).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_as_on_sqlite() {
    on_each(queries::all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotency_as_on_sqlite() {
    on_each(idempotency::all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_as_on_sqlite() {
    on_each(leases::all).await;
}
