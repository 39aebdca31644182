//! HTTP clients that never retry, and a record of what became of each request.
//!
//! The clients know addresses and bytes only. Where a new connection goes is the endpoint table's choice; what a loss
//! means is decided by the program that runs the load. Every request that falls due has an id and ends with exactly one
//! [`Verdict`].
//!
//! | module | what it knows |
//! |---|---|
//! | `plan`, `stage` | which clients there are; what they share with the program that restarts replicas |
//! | `endpoints` | which replica a new connection may go to |
//! | `load`, `thread` | threads, runtimes, start and stop |
//! | `client`, `arrivals`, `outcome`, `connect` | what every client does, whatever its protocol |
//! | `stream`, `tls` | what is below them: plain, or TLS |
//! | `http1`, `h2c`, `grpc` | the protocols |
//! | `verdict`, `record`, `lag` | what became of each request, in constant memory; how late the clients themselves ran |
//! | `wire`, `counts` | a record on its way from another process |

mod arrivals;
mod client;
mod connect;
mod counts;
mod endpoints;
mod grpc;
mod h2c;
mod http1;
mod lag;
mod load;
mod micros;
mod outcome;
mod plan;
mod random;
mod record;
mod stage;
mod stream;
mod thread;
mod tls;
mod verdict;
mod wire;

pub use endpoints::{Endpoint, ReplicaId, Table};
pub use lag::Lag;
pub use load::Load;
pub use micros::Micros;
pub use plan::{Group, LoadPlan, RequestShape, request_id};
pub use random::Random;
pub use record::{Bucket, Ended, LOSSES_KEPT_MAX, Period, Record, ReplicaCounts, Series};
pub use stage::{Live, Stage};
pub use tls::Trust;
pub use verdict::{Kind, Verdict};
pub use wire::Wire;
