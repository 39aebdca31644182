//! The real example binary under real signals. Unix: elsewhere there is nobody to send them.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where by panicking")]

mod client;
mod deadline;
mod flush;
mod interrupts;
mod load;
mod other_signals;
mod process;
mod start;
