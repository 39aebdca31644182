//! gRPC on the engine: tonic's generated services on lameduck's own listeners.
//!
//! ```no_run
//! use lameduck::Service;
//! use lameduck_grpc::{Calls, ServeGrpc as _};
//! # use tonic_health::pb::{FILE_DESCRIPTOR_SET, health_server::{Health, HealthServer}};
//! # async fn greeter() -> impl Health { tonic_health::server::HealthService::from_health_reporter(Default::default()) }
//!
//! fn main() -> std::process::ExitCode {
//!     let service = Service::new("orders").grpc(|_start| async {
//!         // `HealthServer` stands for a server that tonic has generated from your own file.
//!         Ok(Calls::new().describe(FILE_DESCRIPTOR_SET).service(HealthServer::new(greeter().await)))
//!     });
//!     lameduck::run(service)
//! }
//! ```
//!
//! tonic brings the code generator, the codec and the dispatch to methods; the listener, the connections, the ledger
//! and the drain are the engine's, the same as for HTTP. tonic's own transport is not compiled.
//!
//! # What is guaranteed
//!
//! - **A deadline is held.** `grpc-timeout` ends a call with `DEADLINE_EXCEEDED` within 250 ms, whatever its handler
//!   does; the handler sees it as [`CallContext::time_left`].
//! - **Errors are statuses**, also the server's own: a full server is `UNAVAILABLE` with `RetryInfo`, an unknown method
//!   `UNIMPLEMENTED`, a panic `INTERNAL`, a message above `grpc.message_max` `RESOURCE_EXHAUSTED`. [`refused`] makes
//!   a refusal of a handler, which the ledger counts as `rejected`.
//! - **`grpc.health.v1` follows readiness**, overall and for each service. A `Watch` learns at the start of leaving
//!   that the process is not serving any more, and ends when Draining begins: it never holds an exit.
//! - **A call that runs when the process leaves is finished**, with its trailers, within the drain's bound. A stream
//!   that has no end by itself declares itself a [subscription] and is ended in order.
//!
//! Not guaranteed: that a handler which takes no notice of its cancellation stops working at the deadline. It is
//! dropped where it awaits.

mod call;
mod calls;
mod config;
mod context;
mod descriptors;
mod health;
mod messages;
mod refused;
mod serve;

pub use calls::Calls;
pub use context::{CallContext, subscription};
pub use refused::refused;
pub use serve::ServeGrpc;
pub use tonic;
