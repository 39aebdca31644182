//! A lease: a row by which replicas agree on who does something. And background work that is done by one of them.

use super::{Migration, Sql, SqlError};
use crate::values;
use lameduck::{Start, Worker, anyhow};
use lameduck_support::hash::{SplitMix64, random_seed};
use sqlx::AssertSqlSafe;
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// How long a lease lasts that is not renewed: what a replica that dies holds the others up.
const LEASE: Duration = Duration::from_secs(15);
/// How often it is renewed.
const RENEW: Duration = Duration::from_secs(5);

/// Who may do something of this name, among all processes that share the database. Times are the database's own, so
/// the clocks of replicas do not matter.
#[derive(Clone, Debug)]
pub struct Lease {
    sql: Sql,
    name: String,
    holder: String,
}

impl Lease {
    /// The table of leases.
    pub const MIGRATION: Migration = Migration::new(
        "lameduck_leases_1",
        "CREATE TABLE lameduck_leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until_ms BIGINT NOT NULL, \
         done_ms BIGINT NOT NULL)",
    );

    /// That of this name, to be held by this process. Needs [`Lease::MIGRATION`].
    pub fn new(sql: &Sql, name: impl Into<String>) -> Self {
        let holder = format!("{:016x}", random_seed());
        Self { sql: sql.clone(), name: name.into(), holder }
    }

    /// Takes the lease, or renews it, if no other process holds it and the work was not done within `rest`.
    ///
    /// # Errors
    /// If the database does not answer: then it may be held, or not.
    ///
    /// # Cancel safety
    /// Dropped, it may be held until it ends by itself.
    pub async fn take(&self, rest: Duration) -> Result<bool, SqlError> {
        let now = self.sql.dialect().now_ms();
        let sql = format!(
            "INSERT INTO lameduck_leases (name, holder, until_ms, done_ms) VALUES ($1, $2, {now} + $3, 0) \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms \
             WHERE (lameduck_leases.until_ms <= {now} OR lameduck_leases.holder = $2) \
             AND lameduck_leases.done_ms <= {now} - $4"
        );
        let values = values![&self.name, &self.holder, millis(LEASE), millis(rest)];
        Ok(self.execute(sql, values).await? == 1)
    }

    /// Gives it back, for another to take at once. `done`: the work is done for this period.
    ///
    /// # Errors
    /// If the database does not answer: then it ends by itself.
    ///
    /// # Cancel safety
    /// Dropped, it may be held until it ends by itself.
    pub async fn give_back(&self, done: bool) -> Result<(), SqlError> {
        let done = if done { self.sql.dialect().now_ms() } else { "done_ms" };
        let sql = format!("UPDATE lameduck_leases SET until_ms = 0, done_ms = {done} WHERE name = $1 AND holder = $2");
        self.execute(sql, values![&self.name, &self.holder]).await.map(drop)
    }

    async fn execute(&self, sql: String, values: &[super::Value]) -> Result<u64, SqlError> {
        // Far less than the lease: one that is renewed too late must not be believed.
        let mut tx = self.sql.begin_within(true, RENEW / 2).await?;
        let changed = tx.execute(AssertSqlSafe(sql), values).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// Does `work` while the lease is held, which the caller has just taken. `None`: the lease was lost first, or
    /// `stop` came, and the work was dropped.
    ///
    /// # Cancel safety
    /// Dropped, the work is dropped.
    pub async fn hold<T>(&self, work: impl Future<Output = T>, stop: impl Future<Output = ()>) -> Option<T> {
        let (mut work, mut stop) = (std::pin::pin!(work), std::pin::pin!(stop));
        // By this process's clock, from before the database's: never longer than there.
        let mut end = Instant::now() + LEASE - RENEW;
        loop {
            tokio::select! {
                done = &mut work => return Some(done),
                () = &mut stop => return None,
                renewed = self.renew(end) => match renewed {
                    Some(until) => end = until,
                    None => {
                        tracing::warn!(lease = self.name, "lease {} was lost, its work is dropped", self.name);
                        return None;
                    }
                },
            }
        }
    }

    /// Renews in time; until when it then holds. `None`: it is over.
    async fn renew(&self, end: Instant) -> Option<Instant> {
        sleep_until(end - RENEW).await;
        loop {
            let asked = Instant::now();
            match tokio::time::timeout_at(end, self.take(Duration::ZERO)).await {
                Ok(Ok(true)) => return Some(asked + LEASE - RENEW),
                Ok(Ok(false)) | Err(_) => return None,
                Ok(Err(error)) => {
                    tracing::debug!(lease = self.name, %error, "lease {} could not be renewed yet: {error}", self.name);
                    sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }
}

/// Work that is done again and again in the background, by one replica at a time.
pub trait BackgroundWork {
    /// Does `work` every `period` (10 % more or less), by whichever replica comes first: the others find that it was
    /// done. Needs [`Lease::MIGRATION`].
    ///
    /// An error is logged, and the next turn comes all the same. While the process leaves no turn begins; one that runs
    /// goes on until the worker's own release, is dropped then, and is given back for another replica to do at once.
    fn every<F, Fut>(&self, name: &'static str, period: Duration, database: &Sql, work: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static;
}

impl<S> BackgroundWork for Start<S> {
    fn every<F, Fut>(&self, name: &'static str, period: Duration, database: &Sql, work: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let lease = Lease::new(database, name);
        self.worker(name, move |worker| take_turns(worker, lease, period, work));
    }
}

async fn take_turns<F, Fut>(worker: Worker, lease: Lease, period: Duration, mut work: F) -> anyhow::Result<()>
where
    F: FnMut() -> Fut + Send,
    Fut: Future<Output = anyhow::Result<()>> + Send,
{
    let mut random = SplitMix64::new(random_seed());
    // Replicas that start together do not ask together.
    let mut pause = period.mul_f64(random.unit() * 0.1);
    loop {
        tokio::select! {
            () = sleep(pause) => {}
            () = worker.leaving() => return Ok(()),
        }
        pause = period.mul_f64(0.9 + 0.2 * random.unit());
        match lease.take(period.mul_f64(0.8)).await {
            Ok(true) => take_turn(&worker, &lease, work()).await,
            Ok(false) => {}
            Err(error) => tracing::warn!(worker = lease.name, %error, "{} has to wait: {error}", lease.name),
        }
    }
}

async fn take_turn(worker: &Worker, lease: &Lease, work: impl Future<Output = anyhow::Result<()>>) {
    let result = lease.hold(work, worker.releasing()).await;
    if let Some(Err(error)) = &result {
        let error = format!("{error:#}");
        tracing::error!(worker = lease.name, error, "{} failed, it is tried again in a period: {error}", lease.name);
    }
    if let Err(error) = lease.give_back(result.is_some()).await {
        tracing::debug!(worker = lease.name, %error, "lease {} ends by itself: {error}", lease.name);
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
