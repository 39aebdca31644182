//! Many replicas that start at once.

use crate::pgbouncer::PgBouncer;
use crate::queries::{TABLES, runs};
use crate::server::{Server, connect};
use lameduck::config::Sources;
use lameduck::{App, Service, anyhow};
use lameduck_dependencies::sql::{Idempotency, Lease, Migration, Outbox, Sql};
use lameduck_dependencies::{Postgres, database, values};

const REPLICAS: usize = 16;
/// Slow enough that all of them meet.
const SLOW: Migration = Migration::new("slow_1", "SELECT pg_sleep(0.5)");

fn all() -> Vec<Migration> {
    let own = [Idempotency::MIGRATION, Outbox::MIGRATION, Lease::MIGRATION, SLOW];
    own.into_iter().chain(TABLES.iter().copied()).collect()
}

/// Each with a pool of its own, as processes have.
async fn at_once(postgres: Postgres, look: &Sql) {
    let replicas: Vec<_> = (0..REPLICAS)
        .map(|_| {
            let postgres = postgres.clone().pool_max(2);
            tokio::spawn(async move { connect(&postgres).await.migrate(&all()).await })
        })
        .collect();
    for replica in replicas {
        replica.await.unwrap().unwrap();
    }
    assert_eq!(runs(look).await, 1, "each migration ran once");
    let mut tx = look.read().await.unwrap();
    let row = tx.row("SELECT COUNT(*) FROM lameduck_migrations", &[]).await.unwrap().unwrap();
    assert_eq!(row.get::<i64>(0), Ok(all().len() as i64));
    let locks = tx.row("SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory'", &[]).await.unwrap().unwrap();
    assert_eq!(locks.get::<i64>(0), Ok(0), "no lock is left behind");
    tx.rollback().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_replicas_migrate_an_empty_database_once() {
    let server = Server::start();
    at_once(server.dependency(), &server.connect().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_through_a_pooler_in_transaction_mode() {
    let server = Server::start();
    let pooler = PgBouncer::start(&server, 4);
    at_once(pooler.dependency(), &server.connect().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_current_schema_takes_no_lock() {
    let server = Server::start();
    let sql = server.connect().await;
    sql.migrate(&all()).await.unwrap();
    // Another one holds the lock for ever.
    let mut other = server.connect().await.begin().await.unwrap();
    let lock = values![0x6c61_6d65_6475_636b_i64];
    other.row("SELECT pg_try_advisory_xact_lock($1)", lock).await.unwrap();
    sql.migrate(&all()).await.unwrap();
    other.rollback().await;
}

/// A replica as operators configure it; the exit code of its start, and why.
async fn started(server: &Server, migrations: &str) -> (i32, String) {
    let service = Service::new("migrations").dependency_kind::<Postgres>().routes(async |start| {
        database(&start, "database")?.migrate(TABLES).await?;
        anyhow::Ok(App::new())
    });
    let environment = [
        ("LAMEDUCK_LISTEN__HTTP", "127.0.0.1:0".to_owned()),
        ("LAMEDUCK_LISTEN__ADMIN", "127.0.0.1:0".to_owned()),
        ("LAMEDUCK_DRAIN__STRATEGY", "immediate".to_owned()),
        ("LAMEDUCK_DEPENDENCIES__DATABASE__POSTGRES", server.url_with_password()),
        ("LAMEDUCK_DEPENDENCIES__DATABASE__MIGRATIONS", migrations.to_owned()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let loaded = service.load(&Sources { environment, ..Sources::default() }).unwrap();
    let engine = lameduck::start(service, loaded).unwrap();
    engine.handle().started().await;
    engine.shutdown();
    let report = engine.ended().await;
    (report.exit.code().into(), report.document.cause.map(|cause| cause.text).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn check_ends_the_start_if_something_is_missing_and_off_does_not_look() {
    let server = Server::start();
    let sql = server.connect().await;
    let (code, cause) = started(&server, "check").await;
    assert_eq!(code, 1);
    assert!(cause.contains("migrations are missing: things_1, things_2, things_3"), "{cause}");
    assert_eq!(started(&server, "off").await.0, 0);
    let mut tx = sql.read().await.unwrap();
    let row = tx.row("SELECT COUNT(*) FROM pg_class WHERE oid = to_regclass('things')", &[]).await.unwrap().unwrap();
    assert_eq!(row.get::<i64>(0), Ok(0), "neither has changed anything");
    tx.rollback().await;
    assert_eq!(started(&server, "run").await.0, 0);
    assert_eq!(started(&server, "check").await.0, 0);
    assert_eq!(runs(&sql).await, 1);
}
