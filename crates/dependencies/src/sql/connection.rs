//! A connection of either database, and the three ways to use one.

use super::value::{AnyRow, Row, Value};
use sqlx::pool::PoolConnection;
use sqlx::{Arguments as _, AssertSqlSafe, Executor as _, SqlStr};

/// A connection that goes back to its pool when it is dropped, unless it must not be [kept](Self::keep).
pub(crate) struct Connection {
    any: AnyConnection,
    keep: bool,
}

pub(super) enum AnyConnection {
    #[cfg(feature = "postgres")]
    Postgres(PoolConnection<sqlx::Postgres>),
    #[cfg(feature = "sqlite")]
    Sqlite(PoolConnection<sqlx::Sqlite>),
}

/// The values as the arguments of one of the databases.
macro_rules! arguments {
    ($type:ty, $values:expr) => {{
        let mut arguments = <$type>::default();
        for value in $values {
            match value.clone() {
                Value::Int(value) => arguments.add(value),
                Value::Real(value) => arguments.add(value),
                Value::Flag(value) => arguments.add(value),
                Value::Text(value) => arguments.add(value),
                Value::Bytes(value) => arguments.add(value),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        arguments
    }};
}

impl Connection {
    pub(super) fn new(any: AnyConnection) -> Self {
        Self { any, keep: true }
    }

    /// Runs a query and returns its rows.
    pub(super) async fn rows(
        &mut self,
        sql: SqlStr,
        values: &[Value],
        prepares: bool,
    ) -> Result<Vec<Row>, sqlx::Error> {
        match &mut self.any {
            #[cfg(feature = "postgres")]
            AnyConnection::Postgres(connection) => {
                let query = sqlx::query_with(sql, arguments!(sqlx::postgres::PgArguments, values)).persistent(prepares);
                let rows = (&mut **connection).fetch_all(query).await?;
                Ok(rows.into_iter().map(|row| Row(AnyRow::Postgres(row))).collect())
            }
            #[cfg(feature = "sqlite")]
            AnyConnection::Sqlite(connection) => {
                let query =
                    sqlx::query_with(sql, arguments!(sqlx::sqlite::SqliteArguments, values)).persistent(prepares);
                let rows = (&mut **connection).fetch_all(query).await?;
                Ok(rows.into_iter().map(|row| Row(AnyRow::Sqlite(row))).collect())
            }
        }
    }

    /// Runs a statement and returns how many rows it has changed.
    pub(super) async fn execute(&mut self, sql: SqlStr, values: &[Value], prepares: bool) -> Result<u64, sqlx::Error> {
        match &mut self.any {
            #[cfg(feature = "postgres")]
            AnyConnection::Postgres(connection) => {
                let query = sqlx::query_with(sql, arguments!(sqlx::postgres::PgArguments, values)).persistent(prepares);
                Ok((&mut **connection).execute(query).await?.rows_affected())
            }
            #[cfg(feature = "sqlite")]
            AnyConnection::Sqlite(connection) => {
                let query =
                    sqlx::query_with(sql, arguments!(sqlx::sqlite::SqliteArguments, values)).persistent(prepares);
                Ok((&mut **connection).execute(query).await?.rows_affected())
            }
        }
    }

    /// Runs statements without parameters, separated by `;`.
    pub(super) async fn batch(&mut self, sql: String) -> Result<(), sqlx::Error> {
        match &mut self.any {
            #[cfg(feature = "postgres")]
            AnyConnection::Postgres(connection) => {
                (&mut **connection).execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(drop)
            }
            #[cfg(feature = "sqlite")]
            AnyConnection::Sqlite(connection) => {
                (&mut **connection).execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(drop)
            }
        }
    }

    /// Whether the pool gets it back. One on which a statement was cut must be closed: its answer is still to come.
    pub(super) fn keep(&mut self, keep: bool) {
        self.keep = keep;
    }

    pub(super) fn is_kept(&self) -> bool {
        self.keep
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        match &mut self.any {
            #[cfg(feature = "postgres")]
            AnyConnection::Postgres(connection) => connection.close_on_drop(),
            #[cfg(feature = "sqlite")]
            AnyConnection::Sqlite(connection) => connection.close_on_drop(),
        }
    }
}
