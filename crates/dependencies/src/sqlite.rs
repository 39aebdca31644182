//! `sqlite: FILE`: a database in a file, for a service that runs alone.

use crate::sql::{Pool, Settings, Sql};
use lameduck::config::{Form, Key, Kind};
use lameduck::{Dependency, DependencyConfig, DependencyError, DependencyKind, DependencyUsage};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _};
use std::path::PathBuf;
use std::time::Duration;

const FILE: Form = Form { expected: "the path of a file", valid: |text| !text.is_empty() && !text.contains('\0') };

/// Connections: readers do not wait for the one writer.
const CONNECTIONS: u32 = 4;
/// How long a statement waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection is waited for.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// A SQLite file, created if it is missing. The handle is a [`Sql`].
///
/// A commit is on the disk when it returns (`synchronous = FULL`): neither SIGKILL nor a power failure loses it.
#[derive(Clone, Debug)]
pub struct Sqlite {
    file: PathBuf,
}

impl Sqlite {
    /// The database in this file.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into() }
    }

    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(&self.file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .disable_statement_logging()
    }

    fn failure(&self, error: &sqlx::Error) -> DependencyError {
        let file = self.file.display();
        let code =
            error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default().parse::<u32>();
        match code.map(|code| code & 0xff) {
            Ok(5 | 6) => DependencyError::transient(format!("{file} is locked by another process")),
            Ok(14) => DependencyError::permanent(format!(
                "{file} cannot be opened or created: is the folder there, and writable?"
            )),
            Ok(26) => DependencyError::permanent(format!("{file} is not a SQLite database")),
            Ok(8) => DependencyError::permanent(format!("{file} cannot be written")),
            _ => DependencyError::transient(format!("{file}: {error}")),
        }
    }
}

impl Dependency for Sqlite {
    type Handle = Sql;

    async fn connect(&self) -> Result<Sql, DependencyError> {
        let options = self.options();
        let first = options.connect().await.map_err(|error| self.failure(&error))?;
        first.close().await.map_err(|error| self.failure(&error))?;
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_lazy_with(options);
        let settings = Settings {
            pool_max: CONNECTIONS,
            prepares: true,
            namespace: self.file.display().to_string(),
            address: String::new(),
            port: 0,
            migrations: Default::default(),
            refresh: None,
        };
        Ok(Sql::new(Pool::Sqlite(pool), settings))
    }

    async fn check(&self, sql: &Sql) -> Result<(), DependencyError> {
        sql.check().await
    }

    fn usage(&self, sql: &Sql) -> Option<DependencyUsage> {
        Some(sql.inner().usage())
    }

    async fn release(&self, sql: Sql) -> Result<(), DependencyError> {
        sql.inner().close().await;
        Ok(())
    }
}

impl DependencyKind for Sqlite {
    const KIND: &'static str = "sqlite";
    const DOC: &'static str = "`sqlite` is available when the file can be opened, or created.";
    const KEYS: &'static [Key] =
        &[Key::optional("dependencies.*.sqlite", Kind::Text(FILE), "The file. It is created if it is missing.")];

    fn from_config(config: &DependencyConfig<'_>) -> Result<Self, String> {
        Ok(Self::new(config.get::<String>("sqlite")))
    }
}
