//! Tests of a whole service: its real binary as a child process on free loopback ports, a thin client, its report.
//!
//! ```no_run
//! use lameduck_testing::Service;
//! use std::path::Path;
//!
//! // In a test of your crate: Path::new(env!("CARGO_BIN_EXE_orders"))
//! let service = Service::start(Path::new("target/debug/orders"), &[("drain.delay", "0s")]);
//! assert_eq!(service.get("/ping").status, 200);
//! let ended = service.stop();
//! ended.assert_code(0);
//! assert_eq!(ended.report["ledger"]["completed"], 1);
//! ```
//!
//! # Guarantees
//!
//! - A process that ends early fails the test at once, with its exit code and its log.
//! - A process that a test leaves behind is killed by its id.
//! - Nothing is retried, pooled or hidden: a request that the service loses is an error of the test.
//!
//! Not guaranteed: that the free ports are still free when the process binds them. They are drawn per process of tests;
//! another program may take one in between, and the log then says so.

mod client;
#[cfg(unix)]
mod load;
#[cfg(unix)]
mod process;
#[cfg(feature = "tls")]
pub mod tls;

pub use client::{Client, Response, get, request};
#[cfg(unix)]
pub use load::{Clients, restart_under_load};
#[cfg(unix)]
pub use process::{Ended, Service, eventually, free_addresses};
