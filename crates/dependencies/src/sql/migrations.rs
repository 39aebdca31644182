//! Migrations: applied once each, by whichever replica comes first, while the others wait and say why.
//!
//! The table of what was applied is looked at first: while the schema is current, which is nearly always, a start takes
//! no lock and writes nothing. What is missing is applied in one transaction under a lock of that transaction, so
//! that nothing is left behind by a process that dies, or by a pooler that gives its connection to another.

use super::pool::Migrations;
use super::{Dialect, Sql, SqlError, Transaction};
use crate::values;
use lameduck_support::Backoff;
use sqlx::AssertSqlSafe;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// `lameduck`, as a number that no other program takes for its lock.
const LOCK: i64 = 0x6c61_6d65_6475_636b;
/// Between two looks while another replica migrates.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How often a wait is explained.
const EXPLAIN: Duration = Duration::from_secs(5);
/// What one run may take. The start has its own limit, `stages.readiness_timeout`.
const TIME_MAX: Duration = Duration::from_secs(15 * 60);
/// How long a migration waits for a lock on a table that a transaction holds: all others queue up behind it meanwhile.
const LOCK_TIMEOUT_MS: u32 = 3000;

/// A change of the schema. Once released it never changes: what comes later is another migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// What it is known by for good: `orders_1`.
    pub name: &'static str,
    /// Its statements in PostgreSQL, separated by `;`. All run in a transaction: no `CREATE INDEX CONCURRENTLY`.
    pub postgres: &'static str,
    /// Its statements in SQLite.
    pub sqlite: &'static str,
}

impl Migration {
    /// The same statements for both databases.
    pub const fn new(name: &'static str, sql: &'static str) -> Self {
        Self { name, postgres: sql, sqlite: sql }
    }

    fn sql(&self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Postgres => self.postgres,
            Dialect::Sqlite => self.sqlite,
        }
    }
}

/// The schema is not what the service needs.
#[derive(Debug)]
pub enum MigrateError {
    /// `migrations: check`, and these are missing.
    Missing(Vec<&'static str>),
    /// It was applied with other statements than the service has now.
    Changed(&'static str),
    /// One failed; none of this run was applied.
    Failed {
        /// Which.
        name: &'static str,
        /// Why.
        error: SqlError,
    },
    /// The database did not answer.
    Database(SqlError),
}

impl std::fmt::Display for MigrateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(names) => write!(
                f,
                "the schema is not current, {} missing: {}; apply them first, or set `migrations: run`",
                if names.len() == 1 { "a migration is" } else { "migrations are" },
                names.join(", ")
            ),
            Self::Changed(name) => write!(
                f,
                "migration {name} was changed after it had been applied: restore it, and add what is new as another \
                 migration"
            ),
            Self::Failed { name, error } => write!(f, "migration {name} failed, nothing was applied: {error}"),
            Self::Database(error) => write!(f, "the schema cannot be read: {error}"),
        }
    }
}

impl std::error::Error for MigrateError {}

/// What was applied: hashes by name. `None`: there is no table of them.
type Applied = Option<HashMap<String, i64>>;

impl Sql {
    /// Brings the schema to `all`, in this order, as the key `migrations` says: `run` applies what is missing, `check`
    /// ends the start if something is, `off` does nothing. To be called in
    /// [`Service::routes`](lameduck::Service::routes).
    ///
    /// Any number of replicas may do it at once. Migrations in the database that are not in `all` are left alone: a
    /// newer version of the service has applied them, and this one was rolled back.
    ///
    /// # Errors
    /// [`MigrateError`]: an error of the start.
    ///
    /// # Cancel safety
    /// Dropped, nothing is applied that was not.
    pub async fn migrate(&self, all: &[Migration]) -> Result<(), MigrateError> {
        let mode = self.inner().settings.migrations;
        if mode == Migrations::Off {
            return Ok(());
        }
        let mut waiting = Waiting::new();
        loop {
            let applied = self.applied().await.map_err(MigrateError::Database)?;
            let missing = missing(all, applied.as_ref(), self.dialect())?;
            if missing.is_empty() {
                return Ok(());
            }
            if mode == Migrations::Check {
                return Err(MigrateError::Missing(missing.iter().map(|migration| migration.name).collect()));
            }
            match self.apply(all).await? {
                Attempt::Done => return Ok(()),
                Attempt::Waits(why) => waiting.pause(&why).await,
            }
        }
    }

    async fn applied(&self) -> Result<Applied, SqlError> {
        let mut tx = self.read().await?;
        let applied = read_applied(&mut tx).await;
        tx.rollback().await;
        applied
    }

    /// Applies what is missing under the lock, if it can be had.
    async fn apply(&self, all: &[Migration]) -> Result<Attempt, MigrateError> {
        let dialect = self.dialect();
        let mut tx = self.begin_within(true, TIME_MAX).await.map_err(MigrateError::Database)?;
        if dialect == Dialect::Postgres {
            let locked = try_lock(&mut tx).await.map_err(MigrateError::Database)?;
            if !locked {
                let holder = holder(&mut tx).await;
                tx.rollback().await;
                return Ok(Attempt::Waits(format!("another replica is migrating{holder}")));
            }
        }
        // Others may have been faster between the look and the lock.
        let applied = read_applied(&mut tx).await.map_err(MigrateError::Database)?;
        let missing = missing(all, applied.as_ref(), dialect)?;
        if applied.is_none() {
            let table = "CREATE TABLE lameduck_migrations (name TEXT PRIMARY KEY, hash BIGINT NOT NULL, applied_ms BIGINT NOT NULL)";
            tx.execute(table, &[]).await.map_err(MigrateError::Database)?;
        }
        for migration in &missing {
            match apply_one(&mut tx, migration, dialect).await {
                Ok(()) => {}
                Err(SqlError::Retry(why)) => {
                    tx.rollback().await;
                    return Ok(Attempt::Waits(format!("migration {} waits for a lock: {why}", migration.name)));
                }
                Err(error) => return Err(MigrateError::Failed { name: migration.name, error }),
            }
        }
        tx.commit().await.map_err(MigrateError::Database)?;
        for migration in &missing {
            tracing::info!(migration = migration.name, "migration {} is applied", migration.name);
        }
        Ok(Attempt::Done)
    }
}

enum Attempt {
    Done,
    /// Something else must end first.
    Waits(String),
}

/// Explains a wait now and then.
struct Waiting {
    backoff: Backoff,
    since: Instant,
    explained: Option<Instant>,
}

impl Waiting {
    fn new() -> Self {
        let backoff = Backoff::new(PAUSE_MIN, PAUSE_MAX).jitter(25, lameduck_support::hash::random_seed());
        Self { backoff, since: Instant::now(), explained: None }
    }

    async fn pause(&mut self, why: &str) {
        if self.explained.is_none_or(|at| at.elapsed() >= EXPLAIN) {
            self.explained = Some(Instant::now());
            let waited_ms = self.since.elapsed().as_millis() as u64;
            tracing::info!(waited_ms, "waiting for the schema: {why}");
        }
        sleep(self.backoff.pause()).await;
    }
}

/// What of `all` is missing.
fn missing<'a>(
    all: &'a [Migration],
    applied: Option<&HashMap<String, i64>>,
    dialect: Dialect,
) -> Result<Vec<&'a Migration>, MigrateError> {
    let mut missing = Vec::new();
    for migration in all {
        match applied.and_then(|applied| applied.get(migration.name)) {
            None => missing.push(migration),
            Some(hash) if *hash == hash_of(migration.sql(dialect)) => {}
            Some(_) => return Err(MigrateError::Changed(migration.name)),
        }
    }
    Ok(missing)
}

async fn read_applied(tx: &mut Transaction) -> Result<Applied, SqlError> {
    // A query of a table that does not exist would end the transaction in PostgreSQL.
    let exists = match tx.database().dialect() {
        Dialect::Postgres => "SELECT COUNT(*) FROM pg_class WHERE oid = to_regclass('lameduck_migrations')",
        Dialect::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'lameduck_migrations'",
    };
    let count: i64 = tx.row(exists, &[]).await?.map_or(Ok(0), |row| row.get(0))?;
    if count == 0 {
        return Ok(None);
    }
    let rows = tx.rows("SELECT name, hash FROM lameduck_migrations", &[]).await?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect::<Result<_, _>>().map(Some)
}

async fn try_lock(tx: &mut Transaction) -> Result<bool, SqlError> {
    let row = tx.row("SELECT pg_try_advisory_xact_lock($1)", values![LOCK]).await?;
    row.map_or(Ok(false), |row| row.get(0))
}

/// Who has the lock, as far as this user may see.
async fn holder(tx: &mut Transaction) -> String {
    let sql = "SELECT a.pid::BIGINT, COALESCE(a.application_name, ''), COALESCE(host(a.client_addr), 'a local socket'), \
               COALESCE(extract(epoch FROM clock_timestamp() - a.xact_start)::BIGINT, 0) \
               FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
               WHERE l.locktype = 'advisory' AND l.granted AND l.objid::BIGINT = $1 & 4294967295";
    let Ok(Some(row)) = tx.row(sql, values![LOCK]).await else { return String::new() };
    let described = || -> Result<String, SqlError> {
        let (pid, name, address, seconds): (i64, String, String, i64) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(format!(", for {seconds} s: {name} at {address}, server process {pid}"))
    };
    described().unwrap_or_default()
}

async fn apply_one(tx: &mut Transaction, migration: &Migration, dialect: Dialect) -> Result<(), SqlError> {
    if dialect == Dialect::Postgres {
        tx.batch(&format!("SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")).await?;
    }
    tx.batch(migration.sql(dialect)).await?;
    let now = dialect.now_ms();
    let insert = format!("INSERT INTO lameduck_migrations (name, hash, applied_ms) VALUES ($1, $2, {now})");
    let hash = hash_of(migration.sql(dialect));
    tx.execute(AssertSqlSafe(insert), values![migration.name, hash]).await.map(drop)
}

/// FNV-1a: the same in every build, which std's hashes do not promise.
pub(super) fn hash_of(text: impl AsRef<[u8]>) -> i64 {
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    text.as_ref().iter().fold(0xcbf2_9ce4_8422_2325, hash).cast_signed()
}
