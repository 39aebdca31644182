//! What the service consists of.
//!
//! An order is placed in one transaction: the order, the event that tells of it (outbox), and the answer that a client
//! gets again if it repeats its request (`Idempotency-Key`). Everything else follows from what was committed: a worker
//! publishes the events to the bus, and a consumer adds them up to the total of each customer.

use crate::bus::{Bus, InProcess};
use crate::orders::MIGRATIONS;
use crate::problem;
use crate::projection::{self, Projection};
use crate::routes::{customers, documents, orders};
use crate::settings::Settings;
use axum::middleware::from_fn;
use axum::routing::{get, post, put};
#[cfg(feature = "redis")]
use lameduck::DependencyNotFound;
use lameduck::{App, RouteOptions, Service, Start};
use lameduck_dependencies::Sqlite;
use lameduck_dependencies::cache::{Cache, CacheOptions};
use lameduck_dependencies::s3::{Bucket, S3};
use lameduck_dependencies::sql::{BackgroundWork, Idempotency, Outbox, Sql};
use std::sync::Arc;
use std::time::Duration;

/// The largest document.
pub const DOCUMENT_BYTES_MAX: usize = 64 << 20;
/// For how long an order is kept in the cache. It never changes, so nothing speaks against long.
const CACHED: Duration = Duration::from_secs(60 * 60);
/// The most bytes of orders in the cache of a process.
const CACHE_BYTES_MAX: u64 = 16 << 20;
/// How often what has expired is deleted.
const EXPIRY: Duration = Duration::from_secs(10 * 60);

/// What handlers share. A cheap handle.
#[derive(Clone)]
pub struct State {
    pub database: Sql,
    pub outbox: Outbox,
    pub cache: Cache,
    pub documents: Bucket,
}

/// The service, to be passed to [`lameduck::run`].
pub fn service() -> Service<Settings> {
    let service = Service::new("orders").settings::<Settings>().version(env!("CARGO_PKG_VERSION"));
    // Alone: a file and a folder. With `dependencies.database.postgres` and so on any number of replicas.
    let file = |settings: &Settings| Sqlite::new(settings.folder.join("orders.db"));
    let folder = |settings: &Settings| S3::folder("documents", settings.folder.join("documents"));
    let service = service.default_dependency("database", file).default_dependency("documents", folder);
    let service = service.dependency_kind::<Sqlite>().dependency_kind::<S3>();
    #[cfg(feature = "postgres")]
    let service = service.dependency_kind::<lameduck_dependencies::Postgres>();
    #[cfg(feature = "redis")]
    let service = service.dependency_kind::<lameduck_dependencies::redis::Redis>();
    service.routes(|start| async move { routes(&start).await })
}

/// Called once the database is connected. An error here ends the start: it is logged, and the exit code is 1.
async fn routes(start: &Start<Settings>) -> anyhow::Result<App> {
    let database = lameduck_dependencies::database(start, "database")?;
    database.migrate(MIGRATIONS).await?;
    let documents = start.dependency::<S3>("documents")?;
    let state = State { outbox: Outbox::new(&database), cache: cache(start)?, documents, database };

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

/// Orders in the memory of this process, and in Redis if `dependencies.cache` is configured. Without Redis at any
/// moment it goes on with what it has.
fn cache(start: &Start<Settings>) -> anyhow::Result<Cache> {
    let prefix = "orders:order:1:".to_owned();
    let options = CacheOptions { prefix, fresh: CACHED, stale: CACHED, bytes_max: CACHE_BYTES_MAX };
    #[cfg(feature = "redis")]
    let cache = match start.optional_dependency::<lameduck_dependencies::redis::Redis>("cache") {
        Ok(redis) => Cache::with_store(options, redis),
        Err(DependencyNotFound::Unknown { .. }) => Cache::new(options),
        Err(other) => return Err(other.into()),
    };
    #[cfg(not(feature = "redis"))]
    let cache = Cache::new(options);
    start.registry().register(Box::new(cache.metrics("orders")))?;
    Ok(cache)
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
