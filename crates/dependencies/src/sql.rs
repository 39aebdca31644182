//! One interface to PostgreSQL and SQLite: a pool of transactions, and what services build on one.
//!
//! A query is the same text for both: `$1` for parameters, `BIGINT`, `TEXT`, `BYTEA`, `BOOLEAN`, `DOUBLE PRECISION` for
//! columns, `ON CONFLICT`, `RETURNING`. What only one of them has is reached by [`Sql::postgres`].
//!
//! ```
//! use lameduck_dependencies::sql::{Sql, SqlError};
//! use lameduck_dependencies::values;
//!
//! async fn rename(database: &Sql, id: i64, name: &str) -> Result<bool, SqlError> {
//!     let mut tx = database.begin().await?;
//!     let changed = tx.execute("UPDATE customers SET name = $1 WHERE id = $2", values![name, id]).await?;
//!     tx.commit().await?;
//!     Ok(changed == 1)
//! }
//! ```
//!
//! # Guarantees
//!
//! - Every statement runs in a transaction that ends with the request's time: PostgreSQL is told by `SET LOCAL`, and
//!   nothing waits longer here.
//! - A transaction that is dropped is rolled back. A connection on which a statement was cut is closed, never reused.
//! - Nothing depends on the session: no prepared statement, no lock and no setting outlives a transaction, so a pooler
//!   in transaction mode (PgBouncer) changes nothing. `?statement-cache-capacity=100` in the URL gives that up for
//!   speed, where there is no pooler.

mod connection;
mod error;
mod idempotency;
mod lease;
mod migrations;
mod outbox;
mod pool;
mod transaction;
mod value;

pub use error::SqlError;
pub use idempotency::{Idempotency, Tx};
pub use lease::{BackgroundWork, Lease};
pub use migrations::{MigrateError, Migration};
pub use outbox::{Event, Outbox};
pub use sqlx::AssertSqlSafe;
pub use transaction::Transaction;
pub use value::{Column, Row, Value};

#[cfg(feature = "postgres")]
pub(crate) use pool::{Migrations, Refresh};
pub(crate) use pool::{Pool, Settings};

use lameduck::{Call, DependencyError};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What a transaction outside of a request has.
const TIME_DEFAULT: Duration = Duration::from_secs(30);

/// A database: a pool of connections. A cheap handle.
#[derive(Clone, Debug)]
pub struct Sql(Arc<pool::Inner>);

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

impl Dialect {
    /// `db.system.name` of the semantic conventions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::Sqlite => "sqlite",
        }
    }

    /// The database's own clock in milliseconds, as an expression: replicas compare times by it.
    pub fn now_ms(self) -> &'static str {
        match self {
            Self::Postgres => "(extract(epoch FROM clock_timestamp()) * 1000)::BIGINT",
            Self::Sqlite => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
        }
    }
}

impl Sql {
    /// Begins a transaction that may write. In SQLite there is one at a time.
    ///
    /// # Errors
    /// [`SqlError::Busy`], [`SqlError::Timeout`] or [`SqlError::Unavailable`].
    ///
    /// # Cancel safety
    /// Dropped, nothing has begun.
    pub async fn begin(&self) -> Result<Transaction, SqlError> {
        self.begin_within(true, Call::time_left().unwrap_or(TIME_DEFAULT)).await
    }

    /// Begins a transaction that only reads: all of its queries see one state.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    ///
    /// # Cancel safety
    /// Dropped, nothing has begun.
    pub async fn read(&self) -> Result<Transaction, SqlError> {
        self.begin_within(false, Call::time_left().unwrap_or(TIME_DEFAULT)).await
    }

    /// Which database it is.
    pub fn dialect(&self) -> Dialect {
        self.0.dialect()
    }

    /// The pool itself, if it is PostgreSQL's: for what only PostgreSQL has. Its queries have no bound but their own.
    #[cfg(feature = "postgres")]
    pub fn postgres(&self) -> Option<&sqlx::PgPool> {
        self.0.postgres()
    }

    pub(crate) fn new(pool: Pool, settings: Settings) -> Self {
        Self(Arc::new(pool::Inner::new(pool, settings)))
    }

    pub(crate) fn inner(&self) -> &pool::Inner {
        &self.0
    }

    /// Whether the database answers.
    pub(crate) async fn check(&self) -> Result<(), DependencyError> {
        let full = self.0.is_full_and_answers();
        // Each check has its own limit, which is shorter.
        let answered = if full { Ok(None) } else { self.begin_within(false, TIME_DEFAULT).await.map(Some) };
        self.0.checked();
        if let Some(tx) = answered.map_err(DependencyError::transient)? {
            tx.rollback().await;
        }
        Ok(())
    }

    pub(crate) async fn begin_within(&self, write: bool, time: Duration) -> Result<Transaction, SqlError> {
        Transaction::begin(self, write, Instant::now() + time).await
    }
}
