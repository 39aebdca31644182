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
//! | `redis` | `redis::Redis` | `redis::RedisClient`: bounded calls behind a circuit |
//! | `kafka` | `kafka::Kafka` | `kafka::KafkaClient`: an idempotent producer; consumers that finish, commit and leave in the drain |
//! | `s3` | `s3::S3` | `s3::Bucket`: objects as streams, whole or not at all; in a folder, for a service that runs alone |
//! | `cache` | | `cache::Cache`: hot results in the process, and in Redis if there is one |

#[cfg(feature = "cache")]
pub mod cache;
#[cfg(any(feature = "kafka", feature = "redis", feature = "s3"))]
mod calls;
#[cfg(feature = "redis")]
mod circuit;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod database;
#[cfg(any(feature = "kafka", feature = "redis", feature = "s3"))]
mod files;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(any(feature = "kafka", feature = "postgres", feature = "redis", feature = "s3"))]
mod keys;
#[cfg(any(feature = "kafka", feature = "postgres", feature = "redis", feature = "s3"))]
mod password;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "s3")]
pub mod s3;
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
