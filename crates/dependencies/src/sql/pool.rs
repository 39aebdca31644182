//! The pool behind a [`Sql`](super::Sql): connections of one database, how they are checked, counted and given back.

use super::connection::{AnyConnection, Connection};
use super::{Dialect, SqlError};
use lameduck::{Call, DependencyUsage};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long a rollback may take before its connection is closed instead.
pub(super) const ROLLBACK_MAX: Duration = Duration::from_secs(1);

/// The pool itself.
#[derive(Clone, Debug)]
pub(crate) enum Pool {
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::SqlitePool),
}

/// Gives a pool the credentials of now, if they have changed.
pub(crate) type RefreshPool = dyn Fn(&Pool, Refresh) -> bool + Send + Sync;

/// What a kind says of its pool.
pub(crate) struct Settings {
    /// The most connections.
    pub(crate) pool_max: u32,
    /// Whether statements are prepared once for each connection: not behind a pooler.
    pub(crate) prepares: bool,
    /// `db.namespace`, `server.address` and `server.port` of spans.
    pub(crate) namespace: String,
    pub(crate) address: String,
    pub(crate) port: u16,
    /// What migrations do.
    pub(crate) migrations: Migrations,
    /// Called before a connection is opened and after one was refused: a password may have changed. `true`: it has.
    pub(crate) refresh: Option<Box<RefreshPool>>,
}

/// What [`Sql::migrate`](super::Sql::migrate) does: the key `migrations`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Migrations {
    /// Applies what is missing.
    #[default]
    Run,
    /// Ends the start if something is missing.
    Check,
    /// Looks at nothing.
    Off,
}

/// When credentials are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// As a matter of course: costs nothing if nothing has changed.
    Cheap,
    /// The server has just refused them.
    Refused,
}

pub(crate) struct Inner {
    pub(super) pool: Pool,
    pub(super) settings: Settings,
    /// SQLite has one writer at a time; waiting here is fair, and costs no thread.
    pub(super) writer: Arc<Mutex<()>>,
    succeeded: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
    /// `succeeded` at the last check.
    checked: AtomicU64,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sql").field("dialect", &self.dialect()).field("address", &self.settings.address).finish()
    }
}

impl Inner {
    pub(super) fn new(pool: Pool, settings: Settings) -> Self {
        let zero = || AtomicU64::new(0);
        let [succeeded, failed, timed_out, checked] = [zero(), zero(), zero(), zero()];
        Self { pool, settings, writer: Arc::default(), succeeded, failed, timed_out, checked }
    }

    pub(super) fn dialect(&self) -> Dialect {
        match &self.pool {
            #[cfg(feature = "postgres")]
            Pool::Postgres(_) => Dialect::Postgres,
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(_) => Dialect::Sqlite,
        }
    }

    #[cfg(feature = "postgres")]
    pub(super) fn postgres(&self) -> Option<&sqlx::PgPool> {
        match &self.pool {
            Pool::Postgres(pool) => Some(pool),
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(_) => None,
        }
    }

    /// A connection from the pool. One that the server has refused is tried again if the password has changed since.
    pub(super) async fn acquire(&self) -> Result<Connection, SqlError> {
        let refresh = |when| self.settings.refresh.as_ref().is_some_and(|refresh| refresh(&self.pool, when));
        refresh(Refresh::Cheap);
        let refused = match self.acquire_once().await {
            Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| code.starts_with("28")) => error,
            Err(sqlx::Error::PoolTimedOut) if self.open().0 < self.settings.pool_max => {
                return Err(SqlError::Unavailable("no connection could be opened in time".to_owned()));
            }
            other => return other.map_err(SqlError::of),
        };
        if !refresh(Refresh::Refused) {
            return Err(SqlError::of(sqlx::Error::Database(refused)));
        }
        self.acquire_once().await.map_err(SqlError::of)
    }

    async fn acquire_once(&self) -> Result<Connection, sqlx::Error> {
        let any = match &self.pool {
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => AnyConnection::Postgres(pool.acquire().await?),
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool) => AnyConnection::Sqlite(pool.acquire().await?),
        };
        Ok(Connection::new(any))
    }

    /// Connections that are open, and those that are idle.
    fn open(&self) -> (u32, u32) {
        let (size, idle) = match &self.pool {
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => (pool.size(), pool.num_idle()),
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool) => (pool.size(), pool.num_idle()),
        };
        (size, u32::try_from(idle).unwrap_or(u32::MAX))
    }

    /// A statement that is about to run.
    pub(super) fn call(&self, sql: &str) -> Call {
        let (operation, summary) = summary(sql);
        let mut call = Call::begin(summary);
        if call.is_recorded() {
            let Settings { namespace, address, port, .. } = &self.settings;
            call.attribute("db.system.name", self.dialect().as_str());
            call.attribute("db.namespace", namespace.clone());
            call.attribute("db.operation.name", operation);
            call.attribute("db.query.text", sql.to_owned());
            if !address.is_empty() {
                call.attribute("server.address", address.clone());
                call.number("server.port", (*port).into());
            }
        }
        call
    }

    /// Counts how a call ended, and ends its span.
    pub(super) fn ended<T>(&self, call: Call, result: &Result<T, SqlError>) {
        let counter = match result {
            // A constraint that refuses is an answer.
            Ok(_) | Err(SqlError::Conflict(_)) => &self.succeeded,
            Err(SqlError::Busy | SqlError::Timeout) => &self.timed_out,
            Err(_) => &self.failed,
        };
        counter.fetch_add(1, Relaxed);
        call.end(result.as_ref().err().map(SqlError::kind));
    }

    /// Whether every connection works, and calls have succeeded since the last check: evidence enough, and no
    /// connection is left for another.
    pub(super) fn is_full_and_answers(&self) -> bool {
        self.open() == (self.settings.pool_max, 0) && self.succeeded.load(Relaxed) != self.checked.load(Relaxed)
    }

    /// Remembers what had succeeded by this check.
    pub(super) fn checked(&self) {
        self.checked.store(self.succeeded.load(Relaxed), Relaxed);
    }

    pub(crate) fn usage(&self) -> DependencyUsage {
        let (open, idle) = self.open();
        DependencyUsage {
            connections_open: open.into(),
            connections_idle: idle.into(),
            connections_max: self.settings.pool_max.into(),
            calls_succeeded: self.succeeded.load(Relaxed),
            calls_failed: self.failed.load(Relaxed),
            calls_timed_out: self.timed_out.load(Relaxed),
        }
    }

    /// Gives every connection back: those in use when their transaction has ended.
    pub(crate) async fn close(&self) {
        match &self.pool {
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => pool.close().await,
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool) => pool.close().await,
        }
    }
}

/// Rolls back in the background, and closes the connection if that takes too long.
pub(super) async fn roll_back(mut connection: Connection) {
    connection.keep(false);
    let rolled_back = timeout(ROLLBACK_MAX, connection.batch("ROLLBACK".to_owned())).await;
    connection.keep(matches!(rolled_back, Ok(Ok(()))));
}

/// Operation and target of a statement: `SELECT`, `SELECT orders`. Names come from the program, never from its clients.
fn summary(sql: &str) -> (String, String) {
    let mut words = sql.split(|c: char| c.is_whitespace() || c == '(' || c == ';').filter(|word| !word.is_empty());
    let operation = words.next().unwrap_or("").to_ascii_uppercase();
    let is_target = |word: &str| ["FROM", "INTO", "UPDATE"].iter().any(|known| word.eq_ignore_ascii_case(known));
    let target = if operation == "UPDATE" {
        words.next()
    } else {
        words.by_ref().find(|word| is_target(word)).and(words.next())
    };
    let summary = target.map_or_else(|| operation.clone(), |target| format!("{operation} {target}"));
    (operation, summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_known_by_what_it_does_to_what() {
        for (sql, expected) in [
            ("SELECT id FROM orders WHERE id = $1", "SELECT orders"),
            ("INSERT INTO orders(id) VALUES ($1)", "INSERT orders"),
            ("  update orders SET x = 1", "UPDATE orders"),
            ("DELETE FROM orders", "DELETE orders"),
            ("SELECT 1", "SELECT"),
            ("COMMIT", "COMMIT"),
            ("", ""),
        ] {
            assert_eq!(summary(sql).1, expected);
        }
    }
}
