//! The HTTP interface: one handler per file. `service.rs` says which are served.

pub mod account;
pub mod ping;
pub mod streams;
pub mod submit;
pub mod update;
#[expect(unused_qualifications, reason = "the macro that describes its parameters writes paths out")]
pub mod user;
