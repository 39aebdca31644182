//! The server over real sockets on loopback: what it serves, what it bounds, what it counts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod age;
mod answers;
mod client;
mod goodbye;
mod grpc;
mod half_close;
mod in_flight;
mod kinds;
mod life;
mod limits;
mod listeners;
mod observe;
mod observers;
mod outcomes;
mod rig;
mod stalls;
mod wrapped;
