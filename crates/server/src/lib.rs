//! The work server: accept loop, connection table, request guard, ways of closing.

pub mod hold;
mod kernel;
