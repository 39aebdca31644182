//! The public surface of the crate.

mod closed_set;
mod units;
