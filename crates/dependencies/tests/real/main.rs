//! Against real servers: `make test-dependencies`. Killed, frozen, slow, refusing; at the start, while serving, and in
//! the drain.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a failed test")]

mod rig;

#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "s3")]
mod s3;
