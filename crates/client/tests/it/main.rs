//! The client against real servers on loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod calls;
mod limits;
mod retries;
mod server;
#[cfg(feature = "tls")]
mod tls;
