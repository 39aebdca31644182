//! `lameduck new`, `upgrade`, `doctor`: start a service on the engine, keep it current, find what contradicts.

mod archive;
mod command;
mod doctor;
mod engine;
mod name;
mod new;
mod project;
mod record;
mod template;
mod tree;
mod upgrade;

use std::process::ExitCode;

/// The version of this program, of the template in it, and of the engine that belongs to it.
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn main() -> ExitCode {
    command::run()
}
