//! The unit of time of a record.

/// Microseconds since the run began: the one clock of a run.
pub type Micros = u64;
