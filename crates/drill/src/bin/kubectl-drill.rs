//! `kubectl drill`: the drill in a cluster, as a plugin of kubectl.

use std::process::ExitCode;

fn main() -> ExitCode {
    lameduck_drill::run_as_plugin(std::env::args_os()).into()
}
