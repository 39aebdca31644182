//! PostgreSQL and PgBouncer themselves: started here, killed, frozen, changed. `make test-dependencies` installs them.
//!
//! `POSTGRES_BIN` names the folder of `initdb` and `postgres`, `PGBOUNCER` the pooler.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a failed test")]

mod cut;
mod failures;
#[path = "../shared/idempotency.rs"]
mod idempotency;
#[path = "../shared/leases.rs"]
mod leases;
mod migrations;
mod pgbouncer;
#[path = "../shared/queries.rs"]
mod queries;
mod same;
mod server;
mod serving;
