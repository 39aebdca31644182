//! Projects as they are written: they build without a warning, are formatted, and pass their own tests, one of which
//! restarts the service under load.
//!
//! `LAMEDUCK_PROJECTS=all` (`make test-projects`) builds every combination of choices with all that they need, a name
//! one of them; without it those that need the fewest crates are built.

use crate::{Ran, cargo, project};
use std::path::Path;

#[track_caller]
fn no_warning(ran: &Ran) {
    ran.assert_code(0);
    assert!(!ran.text.contains("warning"), "{}", ran.text);
}

fn formatted(folder: &Path) {
    cargo(folder, &["fmt", "--check"]).assert_code(0);
}

#[test]
fn a_new_project_passes_its_own_tests() {
    let folder = project("orders", &[]);
    formatted(&folder);
    let ran = cargo(&folder, &["test", "--no-default-features"]);
    no_warning(&ran);
    ran.assert_says("a_restart_under_load_loses_nothing ... ok");
}

#[test]
fn the_sample_as_a_project_builds() {
    let folder = project("bookings", &["--sample"]);
    formatted(&folder);
    no_warning(&cargo(&folder, &["build", "--no-default-features"]));
}

#[test]
fn every_combination_is_a_project() {
    let Ok(asked) = std::env::var("LAMEDUCK_PROJECTS") else { return };
    for (name, arguments) in [
        ("lean", &[][..]),
        ("traced", &["--with", "traces"]),
        ("called-up", &["--with", "grpc"]),
        ("stored", &["--with", "postgres,redis,s3"]),
        ("sampled", &["--sample"]),
        ("all-of-it", &["--sample", "--with", "grpc,postgres,redis,s3,tls,traces"]),
    ] {
        if asked != "all" && asked != name {
            continue;
        }
        let folder = project(name, arguments);
        formatted(&folder);
        no_warning(&cargo(&folder, &["clippy", "--all-targets"]));
        no_warning(&cargo(&folder, &["test"]));
    }
}
