//! `lameduck-drill`: restarts the replicas of a service under load and tells from the clients' side what was lost.

use std::process::ExitCode;

fn main() -> ExitCode {
    lameduck_drill::run(std::env::args_os()).into()
}
