//! TLS at a listener, with a real client: what it serves, how it leaves, and that nothing is lost by that.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod certificates;
mod handshake;
mod leaving;
mod rig;
mod serving;
