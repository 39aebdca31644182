//! Proves a rolling restart from the client's side.
fn main() {}
