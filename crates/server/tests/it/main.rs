//! The server over real sockets on loopback: what it serves, what it bounds, what it counts.

mod answers;
mod client;
mod kinds;
mod life;
mod limits;
mod observe;
mod outcomes;
mod rig;
