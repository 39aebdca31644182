//! The real example binary under real signals. Unix: elsewhere there is nobody to send them.
#![cfg(unix)]

mod client;
mod deadline;
mod interrupts;
mod load;
mod process;
mod start;
