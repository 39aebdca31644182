//! Statements that are cut: by the time of their request, or because nobody waits for them any more.

use crate::server::{Server, connect};
use crate::serving::{PATIENCE, leaves_cleanly, replica, send};
use lameduck_dependencies::sql::{Sql, SqlError};
use lameduck_dependencies::values;
use std::time::Duration;
use tokio::time::timeout;

/// Waits until so many statements of the server sleep.
async fn until_asleep(look: &Sql, expected: i64) {
    let waiting = async {
        loop {
            let mut tx = look.read().await.unwrap();
            let select =
                "SELECT COUNT(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(%'";
            let row = tx.row(select, &[]).await.unwrap().unwrap();
            let count: i64 = row.get(0).unwrap();
            tx.rollback().await;
            if count == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never {expected} statements sleep"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_does_not_outlive_its_request() {
    let server = Server::start();
    let look = server.connect().await;
    let engine = replica(&server, &[]).await;
    let request = tokio::spawn(send(engine.addresses().http, "/sleep"));
    until_asleep(&look, 1).await;
    assert_eq!(request.await.unwrap().0, 503);
    until_asleep(&look, 0).await;
    assert_eq!(send(engine.addresses().http, "/ask").await.0, 200);
    leaves_cleanly(engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_nobody_waits_for_costs_no_connection() {
    let server = Server::start();
    let look = server.connect().await;
    let sql = connect(&server.dependency().pool_max(1)).await;
    let cut = tokio::spawn({
        let sql = sql.clone();
        async move { sql.begin().await.unwrap().rows("SELECT pg_sleep(600)::TEXT", &[]).await.map(drop) }
    });
    until_asleep(&look, 1).await;
    cut.abort();
    // The one connection of the pool is taken by a statement that goes on; another takes its place.
    sql.begin().await.unwrap().rollback().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_full_says_so_and_works_again() {
    let server = Server::start();
    let sql = connect(&server.dependency().pool_max(1)).await;
    let mut holder = sql.begin().await.unwrap();
    assert!(matches!(sql.begin().await, Err(SqlError::Busy)));
    holder.row("SELECT $1::BIGINT", values![1]).await.unwrap();
    drop(holder);
    sql.begin().await.unwrap().rollback().await;
}
