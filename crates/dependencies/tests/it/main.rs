//! SQLite, without a server: the same cases that run on PostgreSQL, and what is SQLite's own.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a failed test")]

#[path = "../shared/idempotency.rs"]
mod idempotency;
#[path = "../shared/leases.rs"]
mod leases;
#[path = "../shared/queries.rs"]
mod queries;
mod sqlite;
mod turns;
