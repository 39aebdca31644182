//! A transaction: the only way to run a statement.

use super::connection::Connection;
use super::pool::roll_back;
use super::{Dialect, Row, Sql, SqlError, Value};
use sqlx::{SqlSafeStr, SqlStr};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, timeout_at};

/// How much earlier than the request the server is to give up a statement, so that its answer still comes.
const MARGIN: Duration = Duration::from_millis(50);

/// How long the server keeps a transaction whose process says nothing: its node may be lost.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// A transaction. Dropped without [`commit`](Self::commit) it is rolled back.
pub struct Transaction {
    sql: Sql,
    /// `None`: it has ended.
    connection: Option<Connection>,
    deadline: Instant,
    /// SQLite: its turn to write.
    turn: Option<OwnedMutexGuard<()>>,
    after_commit: Vec<Box<dyn FnOnce() + Send>>,
}

impl Transaction {
    pub(super) async fn begin(sql: &Sql, write: bool, deadline: Instant) -> Result<Self, SqlError> {
        let call = sql.inner().call("BEGIN");
        let began = timeout_at(deadline, Self::begin_in_time(sql, write, deadline)).await;
        let began = began.unwrap_or(Err(SqlError::Timeout));
        sql.inner().ended(call, &began);
        began
    }

    async fn begin_in_time(sql: &Sql, write: bool, deadline: Instant) -> Result<Self, SqlError> {
        let inner = sql.inner();
        let turn = match inner.dialect() {
            Dialect::Sqlite if write => Some(inner.writer.clone().lock_owned().await),
            Dialect::Sqlite | Dialect::Postgres => None,
        };
        // A restart of the server leaves a pool of dead connections, and nothing has been done yet.
        let mut dead = 0;
        loop {
            let mut connection = inner.acquire().await?;
            connection.keep(false);
            match connection.batch(begin(inner.dialect(), write, deadline)).await.map_err(SqlError::of) {
                Ok(()) => {
                    connection.keep(true);
                    let connection = Some(connection);
                    return Ok(Self { sql: sql.clone(), connection, deadline, turn, after_commit: Vec::new() });
                }
                Err(error) if error.is_broken() && dead < inner.settings.pool_max => dead += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Runs a query and returns its rows: bounded by what it asks for (`LIMIT`).
    ///
    /// # Errors
    /// [`SqlError`]; PostgreSQL takes no further statement in this transaction then.
    ///
    /// # Cancel safety
    /// Dropped, the transaction can only be dropped too: whether the statement ran is not known.
    pub async fn rows(&mut self, sql: impl SqlSafeStr, values: &[Value]) -> Result<Vec<Row>, SqlError> {
        self.run(sql.into_sql_str(), values, async |connection, sql, values, prepares| {
            connection.rows(sql, values, prepares).await
        })
        .await
    }

    /// The first row that a query returns, if it returns one.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    ///
    /// # Cancel safety
    /// As [`rows`](Self::rows).
    pub async fn row(&mut self, sql: impl SqlSafeStr, values: &[Value]) -> Result<Option<Row>, SqlError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Runs a statement and returns how many rows it has changed.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    ///
    /// # Cancel safety
    /// As [`rows`](Self::rows).
    pub async fn execute(&mut self, sql: impl SqlSafeStr, values: &[Value]) -> Result<u64, SqlError> {
        self.run(sql.into_sql_str(), values, async |connection, sql, values, prepares| {
            connection.execute(sql, values, prepares).await
        })
        .await
    }

    /// Runs statements without parameters, separated by `;`.
    pub(super) async fn batch(&mut self, sql: &str) -> Result<(), SqlError> {
        self.run(sqlx::AssertSqlSafe(sql.to_owned()).into_sql_str(), &[], async |connection, sql, _, _| {
            connection.batch(sql.as_str().to_owned()).await
        })
        .await
    }

    /// Calls `then` once the transaction is committed, and not otherwise: to wake a worker, to forget a cached value.
    pub fn after_commit(&mut self, then: impl FnOnce() + Send + 'static) {
        self.after_commit.push(Box::new(then));
    }

    /// Commits.
    ///
    /// # Errors
    /// [`SqlError::CommitUnknown`] if the connection was lost meanwhile, else as [`rows`](Self::rows): then nothing was
    /// committed.
    ///
    /// # Cancel safety
    /// Dropped, whether it is committed is not known.
    pub async fn commit(mut self) -> Result<(), SqlError> {
        let committed = self.batch("COMMIT").await;
        self.connection = None;
        self.turn = None;
        match committed {
            Ok(()) => {
                self.after_commit.drain(..).for_each(|then| then());
                Ok(())
            }
            Err(SqlError::Timeout) => Err(SqlError::CommitUnknown("no response in time".to_owned())),
            Err(SqlError::Unavailable(why)) => Err(SqlError::CommitUnknown(why)),
            Err(error) => Err(error),
        }
    }

    /// Rolls back, and waits until that is done.
    ///
    /// # Cancel safety
    /// It is rolled back also if this is dropped.
    pub async fn rollback(mut self) {
        if let Some(connection) = self.connection.take().filter(Connection::is_kept) {
            roll_back(connection).await;
        }
    }

    /// The database.
    pub fn database(&self) -> &Sql {
        &self.sql
    }

    async fn run<T>(
        &mut self,
        sql: SqlStr,
        values: &[Value],
        run: impl AsyncFnOnce(&mut Connection, SqlStr, &[Value], bool) -> Result<T, sqlx::Error>,
    ) -> Result<T, SqlError> {
        let inner = self.sql.inner();
        let Some(connection) = self.connection.as_mut().filter(|connection| connection.is_kept()) else {
            return Err(SqlError::Unavailable("a statement of this transaction was cut".to_owned()));
        };
        let call = inner.call(sql.as_str());
        // Dropped in the middle, it stays so.
        connection.keep(false);
        let result = match timeout_at(self.deadline, run(connection, sql, values, inner.settings.prepares)).await {
            Ok(result) => result.map_err(SqlError::of),
            Err(_) => {
                let result = Err(SqlError::Timeout);
                inner.ended(call, &result);
                return result;
            }
        };
        connection.keep(!result.as_ref().is_err_and(SqlError::is_broken));
        inner.ended(call, &result);
        result
    }
}

/// How a transaction begins. In PostgreSQL with what its statements may take, in the same round trip; a process that
/// stops in the middle holds its locks no longer than that.
fn begin(dialect: Dialect, write: bool, deadline: Instant) -> String {
    match dialect {
        Dialect::Sqlite if write => "BEGIN IMMEDIATE".to_owned(),
        Dialect::Sqlite => "BEGIN".to_owned(),
        Dialect::Postgres => {
            let left = deadline.saturating_duration_since(Instant::now());
            let milliseconds = left.saturating_sub(MARGIN).as_millis().clamp(1, i32::MAX as u128);
            let access = if write { "" } else { " READ ONLY" };
            let idle = milliseconds.min(IDLE_MAX.as_millis());
            format!(
                "BEGIN{access}; SET LOCAL statement_timeout = {milliseconds}; \
                 SET LOCAL idle_in_transaction_session_timeout = {idle}"
            )
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take().filter(Connection::is_kept) else { return };
        let turn = self.turn.take();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                roll_back(connection).await;
                drop(turn);
            });
        }
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").field("sql", &self.sql).field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
