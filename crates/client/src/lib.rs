//! Outgoing HTTP: a pool, a bound for each call, bounded answers, and retries of nothing but what was never sent.
//!
//! ```no_run
//! use lameduck_client::{Client, Options};
//! use std::time::Duration;
//!
//! # async fn call() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(Options::default())?;
//! let request = http::Request::get("http://inventory/items/7").body(bytes::Bytes::new())?;
//! let answer = client.call(request, Some(Duration::from_secs(1))).await?;
//! println!("{} {} bytes", answer.status(), answer.body().len());
//! # Ok(()) }
//! ```
//!
//! It knows nothing of the engine: what a call belongs to, and how much time that leaves, is the engine's to say.

mod client;
mod connector;
mod error;
mod options;

pub use client::{Client, Retries};
pub use error::{CallError, CertificateError};
pub use options::{Options, Roots};
