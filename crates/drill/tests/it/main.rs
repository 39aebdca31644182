//! The drill as a person calls it: against servers with known defects, with bad input, interrupted.

mod defects;
mod harness;
mod http2;
mod input;
mod interrupt;
