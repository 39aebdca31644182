//! The outbox: events that are stored in the transaction that they tell of, and published after it.
//!
//! An event exists exactly if its transaction was committed. One replica at a time publishes what is stored, in order,
//! and deletes what the bus has taken: at least once, also when processes are killed. Who consumes must know events by
//! their id.

use super::migrations::hash_of;
use super::{AssertSqlSafe, Dialect, Migration, Sql, SqlError, Transaction, Value};
use crate::values;
use lameduck::{RequestContext, Worker, anyhow};
use lameduck_support::Backoff;
use lameduck_support::hash::random_seed;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// The most events that are published together.
const BATCH: u32 = 100;
/// How often the table is looked at for events of other replicas.
const POLL: Duration = Duration::from_millis(500);
/// What one batch may take.
const TIME_MAX: Duration = Duration::from_secs(30);
/// Pauses while the bus or the database does not answer.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Something that has happened, for others to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Unique: by this a consumer knows what it has seen.
    pub id: String,
    /// Where it goes: the topic of a bus.
    pub topic: String,
    /// What it is about: events of one key keep their order.
    pub key: String,
    /// What has happened, as text.
    pub payload: String,
    /// The trace of the request that caused it.
    pub traceparent: Option<String>,
}

impl Event {
    /// An event of this request, with a new id.
    pub fn new(topic: impl Into<String>, key: impl Into<String>, payload: impl Into<String>) -> Self {
        let trace = RequestContext::current().and_then(|context| context.trace);
        let traceparent =
            trace.map(|trace| format!("00-{}-{}-{:02x}", trace.trace_id(), trace.span_id(), u8::from(trace.sampled)));
        let id = format!("{:016x}{:016x}", random_seed(), random_seed());
        Self { id, topic: topic.into(), key: key.into(), payload: payload.into(), traceparent }
    }
}

/// The outbox of a database. A cheap handle.
#[derive(Clone, Debug)]
pub struct Outbox {
    sql: Sql,
    /// An event of this process waits.
    wake: Arc<Notify>,
}

impl Outbox {
    /// The table of events.
    pub const MIGRATION: Migration = Migration {
        name: "lameduck_outbox_1",
        postgres: "CREATE TABLE lameduck_outbox (position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
                   id TEXT NOT NULL, topic TEXT NOT NULL, key TEXT NOT NULL, payload TEXT NOT NULL, traceparent TEXT)",
        sqlite: "CREATE TABLE lameduck_outbox (position INTEGER PRIMARY KEY AUTOINCREMENT, \
                 id TEXT NOT NULL, topic TEXT NOT NULL, key TEXT NOT NULL, payload TEXT NOT NULL, traceparent TEXT)",
    };

    /// That of `sql`. Needs [`Outbox::MIGRATION`].
    pub fn new(sql: &Sql) -> Self {
        Self { sql: sql.clone(), wake: Arc::default() }
    }

    /// Stores an event: published once `tx` is committed, and never otherwise.
    ///
    /// # Errors
    /// As [`Transaction::execute`].
    ///
    /// # Cancel safety
    /// As [`Transaction::execute`].
    pub async fn append(&self, tx: &mut Transaction, event: &Event) -> Result<(), SqlError> {
        let Event { id, topic, key, payload, traceparent } = event;
        let sql = "INSERT INTO lameduck_outbox (id, topic, key, payload, traceparent) VALUES ($1, $2, $3, $4, $5)";
        tx.execute(sql, values![id, topic, key, payload, traceparent.clone()]).await?;
        let wake = Arc::clone(&self.wake);
        tx.after_commit(move || wake.notify_one());
        Ok(())
    }

    /// How many events wait.
    ///
    /// # Errors
    /// As [`Transaction::rows`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn waiting(&self) -> Result<u64, SqlError> {
        let mut tx = self.sql.read().await?;
        let row = tx.row("SELECT COUNT(*) FROM lameduck_outbox", &[]).await?;
        let count: i64 = row.map_or(Ok(0), |row| row.get(0))?;
        tx.rollback().await;
        Ok(count.unsigned_abs())
    }

    /// A worker that publishes what is stored: `start.worker("outbox", |worker| outbox.relay(worker, publish))`.
    /// `publish` returns once the bus has the events for good, and is called again with the same ones if it fails, or
    /// if the process ends in between. In PostgreSQL it keeps one connection of the pool meanwhile.
    ///
    /// # Errors
    /// None: it waits and goes on.
    ///
    /// # Cancel safety
    /// Dropped, events may be published that are published again.
    pub async fn relay<F, Fut>(self, worker: Worker, mut publish: F) -> anyhow::Result<()>
    where
        F: FnMut(Vec<Event>) -> Fut + Send,
        Fut: Future<Output = anyhow::Result<()>> + Send,
    {
        let mut backoff = Backoff::new(PAUSE_MIN, PAUSE_MAX).jitter(25, random_seed());
        while !worker.handle().is_leaving() {
            let published = tokio::select! {
                published = self.publish_next(&mut publish) => published,
                () = worker.releasing() => break,
            };
            let pause = match published {
                Ok(0) => POLL,
                Ok(_) => {
                    backoff.reset();
                    continue;
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::warn!(error, "events wait in the outbox: {error}");
                    backoff.pause()
                }
            };
            tokio::select! {
                _ = timeout(pause, self.wake.notified()) => {}
                () = worker.leaving() => {}
            }
        }
        Ok(())
    }

    /// Publishes the next events; how many. 0: there are none, or another replica is at it.
    async fn publish_next<F, Fut>(&self, publish: &mut F) -> anyhow::Result<usize>
    where
        F: FnMut(Vec<Event>) -> Fut + Send,
        Fut: Future<Output = anyhow::Result<()>> + Send,
    {
        let mut tx = self.sql.begin_within(self.is_shared(), TIME_MAX).await?;
        let (positions, events) = self.next(&mut tx).await?;
        let count = events.len();
        if count == 0 {
            tx.rollback().await;
            return Ok(0);
        }
        // SQLite has one writer, and whoever consumes may be another: what two processes publish is known by its id.
        let locked = if self.is_shared() {
            Some(tx)
        } else {
            tx.rollback().await;
            None
        };
        let published = timeout(TIME_MAX, publish(events)).await;
        published.map_err(|_| anyhow::anyhow!("the bus did not take them within {TIME_MAX:?}"))??;
        let mut tx = match locked {
            Some(tx) => tx,
            None => self.sql.begin_within(true, TIME_MAX).await?,
        };
        self.delete(&mut tx, positions).await?;
        tx.commit().await?;
        Ok(count)
    }

    /// Whether replicas share it, one of which publishes at a time.
    fn is_shared(&self) -> bool {
        self.sql.dialect() == Dialect::Postgres
    }

    /// The next events, with their positions: none if another replica is at it. Its lock ends with its transaction, so
    /// one that is killed holds up nobody.
    async fn next(&self, tx: &mut Transaction) -> Result<(Vec<i64>, Vec<Event>), SqlError> {
        let mut next = (Vec::new(), Vec::new());
        if self.is_shared() {
            let lock = hash_of("lameduck_outbox");
            let row = tx.row("SELECT pg_try_advisory_xact_lock($1)", values![lock]).await?;
            if !row.map_or(Ok(false), |row| row.get(0))? {
                return Ok(next);
            }
        }
        let sql =
            "SELECT position, id, topic, key, payload, traceparent FROM lameduck_outbox ORDER BY position LIMIT $1";
        for row in tx.rows(sql, values![BATCH]).await? {
            next.0.push(row.get(0)?);
            let (id, topic, key) = (row.get(1)?, row.get(2)?, row.get(3)?);
            next.1.push(Event { id, topic, key, payload: row.get(4)?, traceparent: row.get(5)? });
        }
        Ok(next)
    }

    /// Exactly these: one with a lower position may have been committed since.
    async fn delete(&self, tx: &mut Transaction, positions: Vec<i64>) -> Result<(), SqlError> {
        let parameters: Vec<_> = (1..=positions.len()).map(|number| format!("${number}")).collect();
        let sql = format!("DELETE FROM lameduck_outbox WHERE position IN ({})", parameters.join(", "));
        let values: Vec<Value> = positions.into_iter().map(Value::from).collect();
        tx.execute(AssertSqlSafe(sql), &values).await.map(drop)
    }
}
