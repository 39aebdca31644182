//! The same statements on both databases.

use lameduck_dependencies::sql::{MigrateError, Migration, Sql, SqlError};
use lameduck_dependencies::values;

pub(crate) const TABLES: &[Migration] = &[
    Migration::new(
        "things_1",
        "CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, weight DOUBLE PRECISION, \
         sold BOOLEAN, picture BYTEA)",
    ),
    Migration::new("things_2", "CREATE TABLE runs (count BIGINT NOT NULL); INSERT INTO runs (count) VALUES (0)"),
    // Would count twice if it ran twice.
    Migration::new("things_3", "UPDATE runs SET count = count + 1"),
];

/// What a value is when it comes back.
pub(crate) async fn values_come_back_as_they_were(sql: &Sql) {
    let mut tx = sql.begin().await.unwrap();
    let insert = "INSERT INTO things (id, name, weight, sold, picture) VALUES ($1, $2, $3, $4, $5)";
    let picture = vec![0_u8, 255, 10];
    tx.execute(insert, values![1, "one", 1.5, true, picture.clone()]).await.unwrap();
    let nothing: (Option<f64>, Option<bool>, Option<Vec<u8>>) = (None, None, None);
    tx.execute(insert, values![i64::MAX, "zwei ü", nothing.0, nothing.1, nothing.2]).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = sql.read().await.unwrap();
    let select = "SELECT id, name, weight, sold, picture FROM things WHERE id >= $1 ORDER BY id LIMIT $2";
    let rows = tx.rows(select, values![1_i64, 10_u32]).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].get::<i64>(0), Ok(1));
    assert_eq!(rows[0].get::<String>(1), Ok("one".to_owned()));
    assert_eq!(rows[0].get::<f64>(2), Ok(1.5));
    assert_eq!(rows[0].get::<bool>(3), Ok(true));
    assert_eq!(rows[0].get::<Vec<u8>>(4), Ok(picture));
    assert_eq!(rows[1].get::<i64>(0), Ok(i64::MAX));
    assert_eq!(rows[1].get::<String>(1), Ok("zwei ü".to_owned()));
    assert_eq!(rows[1].get::<Option<f64>>(2), Ok(None));
    assert_eq!(rows[1].get::<Option<bool>>(3), Ok(None));
    assert_eq!(rows[1].get::<Option<Vec<u8>>>(4), Ok(None));
    assert!(matches!(rows[0].get::<i64>(1), Err(SqlError::Wrong(_))), "a wrong type is an error, not a guess");
    assert!(matches!(rows[0].get::<i64>(9), Err(SqlError::Wrong(_))));
    tx.rollback().await;
}

/// A dropped transaction leaves nothing; one that fails leaves a pool that works.
pub(crate) async fn what_is_not_committed_is_gone(sql: &Sql) {
    let insert = "INSERT INTO things (id, name) VALUES ($1, $2)";
    for round in 0..20_i64 {
        let mut tx = sql.begin().await.unwrap();
        assert_eq!(tx.execute(insert, values![1000 + round, format!("dropped {round}")]).await, Ok(1));
        if round % 2 == 0 { drop(tx) } else { tx.rollback().await }
    }
    let mut tx = sql.begin().await.unwrap();
    tx.execute(insert, values![2, "two"]).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = sql.begin().await.unwrap();
    let twice = tx.execute(insert, values![3, "two"]).await;
    assert!(matches!(twice, Err(SqlError::Conflict(_))), "{twice:?}");
    drop(tx);
    let mut tx = sql.begin().await.unwrap();
    let wrong = tx.execute("SELECT nothing FROM nowhere", &[]).await;
    assert!(matches!(wrong, Err(SqlError::Wrong(_))), "{wrong:?}");
    drop(tx);
    let mut tx = sql.read().await.unwrap();
    let row = tx.row("SELECT COUNT(*) FROM things WHERE name LIKE $1", values!["dropped%"]).await.unwrap().unwrap();
    assert_eq!(row.get::<i64>(0), Ok(0));
    tx.rollback().await;
}

/// What only happens after the commit, and what never does.
pub(crate) async fn what_follows_a_commit_follows_only_it(sql: &Sql) {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    let count = Arc::new(AtomicU32::new(0));
    for commits in [false, true] {
        let count = count.clone();
        let mut tx = sql.begin().await.unwrap();
        tx.after_commit(move || {
            count.fetch_add(1, SeqCst);
        });
        if commits { tx.commit().await.unwrap() } else { tx.rollback().await }
    }
    assert_eq!(count.load(SeqCst), 1);
}

/// What was applied is not applied again, must not change, and a run that fails leaves nothing.
pub(crate) async fn applied_migrations_are_left_alone(sql: &Sql) {
    sql.migrate(TABLES).await.unwrap();
    sql.migrate(&TABLES[..2]).await.unwrap();
    assert_eq!(runs(sql).await, 1, "each migration runs once");
    let changed = [Migration::new("things_3", "UPDATE runs SET count = count + 2")];
    let error = sql.migrate(&changed).await.unwrap_err();
    assert!(matches!(error, MigrateError::Changed("things_3")), "{error}");
    let broken = [Migration::new("ok", "CREATE TABLE half (id BIGINT)"), Migration::new("broken", "CREATE TABLE")];
    let error = sql.migrate(&broken).await.unwrap_err();
    assert!(matches!(error, MigrateError::Failed { name: "broken", .. }), "{error}");
    let mut tx = sql.begin().await.unwrap();
    let half = tx.rows("SELECT id FROM half", &[]).await;
    assert!(half.is_err(), "a run that fails leaves nothing");
    drop(tx);
    assert_eq!(runs(sql).await, 1);
}

/// How often the third migration ran.
pub(crate) async fn runs(sql: &Sql) -> i64 {
    let mut tx = sql.read().await.unwrap();
    let count = tx.row("SELECT count FROM runs", &[]).await.unwrap().unwrap().get(0).unwrap();
    tx.rollback().await;
    count
}

/// All of them, on an empty database.
pub(crate) async fn all(sql: &Sql) {
    sql.migrate(TABLES).await.unwrap();
    values_come_back_as_they_were(sql).await;
    what_is_not_committed_is_gone(sql).await;
    what_follows_a_commit_follows_only_it(sql).await;
    applied_migrations_are_left_alone(sql).await;
}
