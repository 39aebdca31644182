//! Background work that replicas share.

use crate::leases::MIGRATIONS;
use lameduck::config::Sources;
use lameduck::{App, Engine, Service, anyhow};
use lameduck_dependencies::sql::{AssertSqlSafe, BackgroundWork, Migration, Sql};
use lameduck_dependencies::{Sqlite, database};
use std::path::{Path, PathBuf};
use std::time::Duration;

const PERIOD: Duration = Duration::from_millis(200);
const TURNS: Migration =
    Migration::new("turns_1", "CREATE TABLE turns (began_ms BIGINT NOT NULL, ended_ms BIGINT NOT NULL)");

/// A replica that writes down when its turns began and ended, by the clock of the database.
fn replica(file: PathBuf) -> Engine {
    let service = Service::new("turns").default_dependency("database", |()| Sqlite::new(file)).routes(async |start| {
        let sql = database(&start, "database")?;
        sql.migrate(MIGRATIONS).await?;
        sql.migrate(&[TURNS]).await?;
        let database = sql.clone();
        start.every("turn", PERIOD, &sql, move || turn(database.clone()));
        anyhow::Ok(App::new())
    });
    let environment = [
        ("LAMEDUCK_LISTEN__HTTP", "127.0.0.1:0"),
        ("LAMEDUCK_LISTEN__ADMIN", "127.0.0.1:0"),
        ("LAMEDUCK_DRAIN__STRATEGY", "immediate"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let loaded = service.load(&Sources { environment, ..Sources::default() }).unwrap();
    lameduck::start(service, loaded).unwrap()
}

async fn turn(sql: Sql) -> anyhow::Result<()> {
    let now = sql.dialect().now_ms();
    let mut tx = sql.read().await?;
    let began: i64 = tx.row(AssertSqlSafe(format!("SELECT {now}")), &[]).await?.expect("a row").get(0)?;
    tx.rollback().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut tx = sql.begin().await?;
    let insert = format!("INSERT INTO turns (began_ms, ended_ms) VALUES ($1, {now})");
    tx.execute(AssertSqlSafe(insert), lameduck_dependencies::values![began]).await?;
    tx.commit().await?;
    Ok(())
}

async fn turns(sql: &Sql) -> Vec<(i64, i64)> {
    let mut tx = sql.read().await.unwrap();
    let rows = tx.rows("SELECT began_ms, ended_ms FROM turns ORDER BY began_ms", &[]).await.unwrap();
    tx.rollback().await;
    rows.iter().map(|row| (row.get(0).unwrap(), row.get(1).unwrap())).collect()
}

/// Waits until there are so many turns.
async fn until(file: &Path, count: usize) -> Vec<(i64, i64)> {
    let sql = lameduck::Dependency::connect(&Sqlite::new(file)).await.unwrap();
    loop {
        let turns = turns(&sql).await;
        if turns.len() >= count {
            return turns;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_replica_at_a_time_takes_a_turn_and_another_goes_on_when_it_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("turns.db");
    let replicas: Vec<_> = (0..3).map(|_| replica(file.clone())).collect();
    for replica in &replicas {
        replica.handle().started().await;
    }
    let mut count = until(&file, 5).await.len();
    for replica in replicas {
        replica.shutdown();
        assert_eq!(replica.ended().await.exit.code(), 0);
        count += 1;
    }
    let turns = until(&file, count - 3).await;
    for pair in turns.windows(2) {
        let rest = pair[1].0 - pair[0].1;
        // 80 % of the period, less what the clock of the turn is ahead of that of the lease.
        assert!(rest >= 160 - 60, "turns overlap or follow too fast: {turns:?}");
    }
}
