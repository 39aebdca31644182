//! Start in stages, serve, leave without losing a request: the engine and its facade.

pub mod config;
