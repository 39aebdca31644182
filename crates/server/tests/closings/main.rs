//! How connections end during a drain, on real sockets.
//!
//! Each way of closing has a test that provokes the loss it prevents, and a control in which only this way is switched
//! off and the same clients do lose. Clients are raw sockets that act at the moment of the close, never before it:
//! a client that waits politely makes every server look perfect. The server runs on one work thread that a handler
//! can hold, so that the order of events is the test's, not the scheduler's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accept_gap;
mod arrivals;
mod client;
mod flush;
mod fuzz;
mod half_open;
mod hold;
mod http2;
mod linger;
mod look;
mod notice;
mod pipelined;
mod readers;
mod rig;
