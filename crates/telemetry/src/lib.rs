//! Logs of a lameduck service: pretty for people, JSON for machines, never in the way.
//!
//! [`init`] sets up `tracing` for the process. Lines go through a bounded queue to a thread of their own, so that a log that
//! nobody reads cannot stop a request, let alone the exit; lines that do not fit are counted and owned up to.

mod log;
mod options;

pub use log::{Guard, init};
pub use options::{Format, Options, is_filter};
