//! The service as a whole, from outside: a real process, real sockets, real signals; and the shape of the project
//! itself.

#![expect(unreachable_pub, reason = "a test has no outside")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(unix)]
mod contract;
#[cfg(unix)]
mod descriptors;
#[cfg(unix)]
mod docs;
#[cfg(unix)]
mod first_use;
#[cfg(unix)]
mod generated;
#[cfg(unix)]
mod generated_pages;
#[cfg(all(unix, feature = "grpc"))]
mod grpc;
#[cfg(unix)]
mod openapi;
#[cfg(unix)]
mod process;
#[cfg(feature = "grpc")]
mod proto;
#[cfg(unix)]
mod secrets;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod streams;
#[cfg(unix)]
mod telemetry;
mod tidy;
#[cfg(all(unix, feature = "tls"))]
mod tls;
#[cfg(unix)]
mod volume;
