//! The HTTP interface: one handler per file. `service.rs` says which are served.

pub mod account; // [sample]
pub mod ping;
pub mod streams; // [sample]
pub mod submit; // [sample]
pub mod update; // [sample]
// [sample
#[expect(unused_qualifications, reason = "the macro that describes its parameters writes paths out")]
pub mod user;
// sample]
