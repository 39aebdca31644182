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

fn main() -> ExitCode {
    command::run()
}
