//! Databases, caches, queues and object stores as dependencies of a lameduck service.
//!
//! One file and one feature for each kind. A kind implements [`lameduck::DependencyKind`]: operators configure it
//! (`dependencies: {NAME: {KIND: …}}`), the start waits for it, it is checked while the service serves, and released at
//! the end in reverse order. What is not compiled is not offered.
//!
//! | feature | kind | handle |
//! |---|---|---|
//! | `postgres` | `Postgres` | `sql::Sql`: transactions bounded by the request's time, migrations, outbox, leases, idempotency |
//! | `sqlite` | `Sqlite` | the same: a file, for a service that runs alone |

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod database;
#[cfg(feature = "postgres")]
mod keys;
#[cfg(feature = "postgres")]
mod password;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sql")]
pub mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use database::database;
#[cfg(feature = "postgres")]
pub use postgres::Postgres;
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;
