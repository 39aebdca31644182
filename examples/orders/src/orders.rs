//! Orders: what they are, and the statements that store and find them.

use crate::projection;
use lameduck_dependencies::sql::{Event, Idempotency, Lease, Migration, Outbox, Row, Sql, SqlError, Transaction};
use lameduck_dependencies::values;
use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// The topic of the events.
pub const TOPIC: &str = "orders";

/// The schema, in the order in which it grew. A released migration never changes.
pub const MIGRATIONS: &[Migration] = &[
    Idempotency::MIGRATION,
    Outbox::MIGRATION,
    Lease::MIGRATION,
    Migration::new(
        "orders_1",
        "CREATE TABLE orders (id TEXT PRIMARY KEY, customer TEXT NOT NULL, item TEXT NOT NULL, \
         amount_cents BIGINT NOT NULL)",
    ),
    projection::MIGRATION,
];

/// What a client orders.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    pub customer: String,
    pub item: String,
    pub amount_cents: i64,
}

/// An order. It never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Order {
    pub id: String,
    pub customer: String,
    pub item: String,
    pub amount_cents: i64,
}

/// The event that tells of an order.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct OrderPlaced {
    pub order: String,
    pub customer: String,
    pub amount_cents: i64,
}

/// Stores an order and the event that tells of it: both or none.
pub async fn place(tx: &mut Transaction, outbox: &Outbox, new: NewOrder) -> Result<Order, SqlError> {
    let NewOrder { customer, item, amount_cents } = new;
    let order = Order { id: new_id(), customer, item, amount_cents };
    let insert = "INSERT INTO orders (id, customer, item, amount_cents) VALUES ($1, $2, $3, $4)";
    tx.execute(insert, values![&order.id, &order.customer, &order.item, order.amount_cents]).await?;
    let placed = OrderPlaced { order: order.id.clone(), customer: order.customer.clone(), amount_cents };
    let payload = serde_json::to_string(&placed).map_err(|error| SqlError::Wrong(error.to_string()))?;
    outbox.append(tx, &Event::new(TOPIC, &order.customer, payload)).await?;
    Ok(order)
}

/// The order of this id.
pub async fn find(database: &Sql, id: &str) -> Result<Option<Order>, SqlError> {
    let mut tx = database.read().await?;
    let row = tx.row("SELECT id, customer, item, amount_cents FROM orders WHERE id = $1", values![id]).await?;
    tx.rollback().await;
    row.map(|row| read(&row)).transpose()
}

/// At most `limit` orders behind that of the id `after`.
pub async fn page(database: &Sql, after: &str, limit: u32) -> Result<Vec<Order>, SqlError> {
    let mut tx = database.read().await?;
    let select = "SELECT id, customer, item, amount_cents FROM orders WHERE id > $1 ORDER BY id LIMIT $2";
    let rows = tx.rows(select, values![after, limit]).await?;
    tx.rollback().await;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Order, SqlError> {
    Ok(Order { id: row.get(0)?, customer: row.get(1)?, item: row.get(2)?, amount_cents: row.get(3)? })
}

/// Ids of later orders sort behind those of earlier ones, as well as clocks agree.
fn new_id() -> String {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    format!("{millis:012x}{:016x}", RandomState::new().hash_one(std::process::id()))
}
