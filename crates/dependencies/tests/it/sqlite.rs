//! A database in a file.

use crate::{idempotency, leases, queries};
use lameduck::{Dependency, DependencyError};
use lameduck_dependencies::Sqlite;
use lameduck_dependencies::sql::Sql;
use lameduck_dependencies::values;
use std::path::Path;

async fn open(folder: &Path) -> Sql {
    Sqlite::new(folder.join("test.db")).connect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_queries_as_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    queries::all(&open(folder.path()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotency_as_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    idempotency::all(&open(folder.path()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_as_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    leases::all(&open(folder.path()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_wait_for_each_other_and_readers_for_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let sql = open(folder.path()).await;
    sql.migrate(queries::TABLES).await.unwrap();
    let writers: Vec<_> = (0..50)
        .map(|_| {
            let sql = sql.clone();
            tokio::spawn(async move {
                let mut tx = sql.begin().await.unwrap();
                let row = tx.row("SELECT count FROM runs", &[]).await.unwrap().unwrap();
                let count: i64 = row.get(0).unwrap();
                tx.execute("UPDATE runs SET count = $1", values![count + 1]).await.unwrap();
                tx.commit().await.unwrap();
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(queries::runs(&sql).await, 51, "no update was lost");
    let writing = sql.begin().await.unwrap();
    assert_eq!(queries::runs(&sql).await, 51, "a reader does not wait for a writer");
    drop(writing);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_is_there_for_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::new(folder.path().join("test.db"));
    let sql = sqlite.connect().await.unwrap();
    sql.migrate(queries::TABLES).await.unwrap();
    assert_eq!(sqlite.check(&sql).await, Ok(()));
    let usage = sqlite.usage(&sql).unwrap();
    assert!(usage.calls_succeeded > 0 && usage.connections_open >= 1, "{usage:?}");
    sqlite.release(sql).await.unwrap();
    assert_eq!(queries::runs(&open(folder.path()).await).await, 1);
}

#[tokio::test]
async fn a_file_that_is_none_ends_the_start_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("text"), "x".repeat(4096)).unwrap();
    for (file, sentence) in [("text", "is not a SQLite database"), ("no/such/folder", "cannot be opened or created")] {
        match Sqlite::new(folder.path().join(file)).connect().await {
            Err(DependencyError::Permanent(why)) => assert!(why.contains(sentence), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}
