//! Telemetry of a lameduck service: logs that never block, and the context that ties lines, traces and outgoing
//! requests to the request that they belong to.
//!
//! [`init`] sets up `tracing` for the process: pretty lines for people, JSON for machines. Lines go through a bounded
//! queue to a thread of the log, so that a log that is not read cannot stop a request, let alone the exit; lines that
//! do not fit are counted, and the log says so. [`Context`] is what a request carries: its id and its trace.

mod context;
mod grpc;
mod log;
mod options;
#[cfg(feature = "traces")]
pub mod traces;

pub use context::{Context, Scoped, TRACEPARENT, TRACESTATE, Trace};
pub use grpc::grpc_status;
pub use log::{Guard, NotAFilter, init};
pub use options::{ACCESS, Format, Options, is_filter};
