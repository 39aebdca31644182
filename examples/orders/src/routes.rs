//! The handlers, one file for each thing.

pub mod customers;
pub mod documents;
pub mod orders;
