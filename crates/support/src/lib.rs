//! Small parts that more than one crate needs, written once. The standard library is their only dependency.
//!
//! | module | for |
//! |---|---|
//! | [`Backoff`] | pauses between attempts that failed |
//! | [`error`] | an error with its causes, in one line |
//! | [`duration`], [`size`] | `1m30s` and `64KiB`, read and written |
//! | [`closed_set!`](crate::closed_set) | an enum, its list and its spelling from one declaration |
//! | [`url`] | URLs as they may be shown: without passwords |
//! | [`date`] | `2026-11-27T06:25:13Z`, written |
//! | [`hash`] | splitmix64: numbers that spread, from a seed or a key |

mod backoff;
mod closed_set;
pub mod date;
pub mod duration;
pub mod error;
pub mod hash;
pub mod size;
pub mod url;

pub use backoff::Backoff;
