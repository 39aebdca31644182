//! The consumer `orders-projection`: adds up what each customer has ordered. Events come at least once; by its id, each
//! counts once.

use crate::bus::{Bus, Subscription};
use crate::orders::{OrderPlaced, TOPIC};
use anyhow::Context;
use lameduck::Worker;
use lameduck_dependencies::sql::{AssertSqlSafe, Event, Migration, Sql, SqlError};
use lameduck_dependencies::values;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

const GROUP: &str = "orders-projection";
/// Before the bus or the database is asked again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long an event is known: longer than any bus brings it again.
const KNOWN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The tables of the projection.
pub const MIGRATION: Migration = Migration::new(
    "orders_projection_1",
    "CREATE TABLE customer_totals (customer TEXT PRIMARY KEY, orders BIGINT NOT NULL, total_cents BIGINT NOT NULL); \
     CREATE TABLE projected_events (id TEXT PRIMARY KEY, at_ms BIGINT NOT NULL); \
     CREATE INDEX projected_events_at ON projected_events (at_ms)",
);

/// What a customer has ordered so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Total {
    pub customer: String,
    pub orders: i64,
    pub total_cents: i64,
}

/// The totals. A cheap handle.
#[derive(Clone, Debug)]
pub struct Projection {
    database: Sql,
}

impl Projection {
    /// Those in `database`.
    pub fn new(database: &Sql) -> Self {
        Self { database: database.clone() }
    }

    /// Applies events, all or none. One that was applied before changes nothing.
    pub async fn apply(&self, events: &[Event]) -> anyhow::Result<()> {
        let now = self.database.dialect().now_ms();
        let mut tx = self.database.begin().await?;
        for event in events {
            let placed: OrderPlaced = match serde_json::from_str(&event.payload) {
                Ok(placed) => placed,
                Err(error) => {
                    // It would come again for ever and hold up all others.
                    tracing::error!(event = event.id, %error, "event {} is none of ours and is left out", event.id);
                    continue;
                }
            };
            let known =
                format!("INSERT INTO projected_events (id, at_ms) VALUES ($1, {now}) ON CONFLICT (id) DO NOTHING");
            if tx.execute(AssertSqlSafe(known), values![&event.id]).await? == 0 {
                continue;
            }
            let add = "INSERT INTO customer_totals (customer, orders, total_cents) VALUES ($1, 1, $2) \
                       ON CONFLICT (customer) DO UPDATE SET orders = customer_totals.orders + 1, \
                       total_cents = customer_totals.total_cents + excluded.total_cents";
            tx.execute(add, values![placed.customer, placed.amount_cents]).await?;
        }
        Ok(tx.commit().await?)
    }

    /// What a customer has ordered.
    pub async fn total(&self, customer: &str) -> Result<Total, SqlError> {
        let mut tx = self.database.read().await?;
        let select = "SELECT orders, total_cents FROM customer_totals WHERE customer = $1";
        let row = tx.row(select, values![customer]).await?;
        tx.rollback().await;
        let (orders, total_cents) = row.map_or(Ok((0, 0)), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Total { customer: customer.to_owned(), orders, total_cents })
    }

    /// Forgets events that no bus brings again; how many.
    pub async fn expire(&self) -> Result<u64, SqlError> {
        let now = self.database.dialect().now_ms();
        let delete = format!("DELETE FROM projected_events WHERE at_ms < {now} - $1");
        let mut tx = self.database.begin().await?;
        let known = i64::try_from(KNOWN.as_millis()).unwrap_or(i64::MAX);
        let deleted = tx.execute(AssertSqlSafe(delete), values![known]).await?;
        tx.commit().await?;
        Ok(deleted)
    }
}

/// The worker: consumes until the process leaves. What it has not finished then comes again, here or elsewhere.
pub async fn run(worker: Worker, bus: Arc<dyn Bus>, projection: Projection) -> anyhow::Result<()> {
    while !worker.handle().is_leaving() {
        let failed = tokio::select! {
            result = consume(&worker, &*bus, &projection) => result.err(),
            () = worker.releasing() => return Ok(()),
        };
        let Some(error) = failed else { continue };
        let error = format!("{error:#}");
        tracing::warn!(error, "the totals are behind: {error}");
        tokio::select! {
            () = sleep(PAUSE) => {}
            () = worker.leaving() => {}
        }
    }
    Ok(())
}

async fn consume(worker: &Worker, bus: &dyn Bus, projection: &Projection) -> anyhow::Result<()> {
    let mut subscription: Box<dyn Subscription> = bus.subscribe(TOPIC, GROUP).await.context("cannot subscribe")?;
    loop {
        let events = tokio::select! {
            events = subscription.next() => events?,
            () = worker.leaving() => return Ok(()),
        };
        projection.apply(&events).await?;
        subscription.done().await?;
    }
}
