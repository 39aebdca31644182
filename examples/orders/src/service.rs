//! What the service consists of.
//!
//! An order is placed in one transaction: the order, the event that tells of it (outbox), and the answer that a client
//! gets again if it repeats its request (`Idempotency-Key`). Everything else follows from what was committed: a worker
//! publishes the events to the bus, and a consumer adds them up to the total of each customer.

use crate::bus::{Bus, InProcess};
use crate::cache::Cache;
use crate::documents::Documents;
use crate::orders::MIGRATIONS;
use crate::problem;
use crate::projection::{self, Projection};
use crate::routes::{customers, documents, orders};
use crate::settings::Settings;
use axum::middleware::from_fn;
use axum::routing::{get, post, put};
use lameduck::{App, RouteOptions, Service, Start};
use lameduck_dependencies::Sqlite;
use lameduck_dependencies::sql::{BackgroundWork, Idempotency, Outbox, Sql};
use std::sync::Arc;
use std::time::Duration;

/// The largest document.
const DOCUMENT_BYTES_MAX: usize = 64 << 20;
/// How often what has expired is deleted.
const EXPIRY: Duration = Duration::from_secs(10 * 60);

/// What handlers share. A cheap handle.
#[derive(Clone)]
pub struct State {
    pub database: Sql,
    pub outbox: Outbox,
    pub cache: Cache,
    pub documents: Documents,
}

/// The service, to be passed to [`lameduck::run`].
pub fn service() -> Service<Settings> {
    let service = Service::new("orders").settings::<Settings>().version(env!("CARGO_PKG_VERSION"));
    // Alone: a file. With `dependencies.database.postgres` any number of replicas.
    let file = |settings: &Settings| Sqlite::new(settings.folder.join("orders.db"));
    let service = service.default_dependency("database", file).dependency_kind::<Sqlite>();
    #[cfg(feature = "postgres")]
    let service = service.dependency_kind::<lameduck_dependencies::Postgres>();
    service.routes(|start| async move { routes(&start).await })
}

/// Called once the database is connected. An error here ends the start: it is logged, and the exit code is 1.
async fn routes(start: &Start<Settings>) -> anyhow::Result<App> {
    let database = lameduck_dependencies::database(start, "database")?;
    database.migrate(MIGRATIONS).await?;
    let documents = Documents::open(start.settings().folder.join("documents")).await?;
    let state = State { outbox: Outbox::new(&database), cache: Cache::default(), documents, database };

    let bus: Arc<dyn Bus> = Arc::new(InProcess::default());
    let projection = Projection::new(&state.database);
    start.worker("projection", {
        let (bus, projection) = (bus.clone(), projection.clone());
        move |worker| projection::run(worker, bus, projection)
    });
    start.worker("outbox", {
        let outbox = state.outbox.clone();
        move |worker| outbox.relay(worker, move |events| publish(bus.clone(), events))
    });

    let idempotency = Idempotency::new(&state.database);
    start.every("expiry", EXPIRY, &state.database, {
        let (idempotency, projection) = (idempotency.clone(), projection.clone());
        move || expire(idempotency.clone(), projection.clone())
    });

    let documents = RouteOptions { body_bytes: Some(DOCUMENT_BYTES_MAX), ..RouteOptions::default() };
    let (place, list) = (idempotency.on(post(orders::place)), get(orders::list));
    let document = put(documents::put).get(documents::get);
    Ok(App::new()
        .json_errors()
        .request_ids()
        .request_limits()
        .route("/orders", place.merge(list).with_state(state.clone()))
        .route("/orders/{id}", get(orders::find).with_state(state.clone()))
        .route_with("/orders/{id}/document", document.with_state(state.clone()), documents)
        .route("/customers/{id}/total", get(customers::total).with_state(state))
        .layer(from_fn(problem::details)))
}

async fn publish(bus: Arc<dyn Bus>, events: Vec<lameduck_dependencies::sql::Event>) -> anyhow::Result<()> {
    bus.publish(events).await
}

async fn expire(idempotency: Idempotency, projection: Projection) -> anyhow::Result<()> {
    let answers = idempotency.expire().await?;
    let events = projection.expire().await?;
    tracing::debug!(answers, events, "what has expired is deleted");
    Ok(())
}
