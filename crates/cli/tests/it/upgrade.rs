//! `lameduck upgrade`: a project of the version before, with what an owner has done to it, gets the template of today.

mod before;

use crate::{cargo, lameduck, project};
use before::{age, edit_as_an_owner, edit_file};
use std::path::Path;
use std::process::Command;

fn read(folder: &Path, file: &str) -> String {
    std::fs::read_to_string(folder.join(file)).unwrap()
}

/// All files and their bytes.
fn snapshot(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push((path.clone(), std::fs::read(path).unwrap())) }
        }
    }
    files.sort();
    files
}

#[test]
fn ten_edits_in_other_places_give_no_conflict_and_the_tests_are_green() {
    let folder = project("carts", &[]);
    age(&folder, "carts");
    edit_as_an_owner(&folder, "carts");

    let before = snapshot(&folder);
    lameduck(&folder, &["upgrade", "--check"]).assert_code(1).assert_says("nothing is written");
    assert!(snapshot(&folder) == before, "--check wrote something");

    let ran = lameduck(&folder, &["upgrade"]);
    ran.assert_code(0).assert_says("template 0.0.9 -> 0.1.0").assert_says("merged with your changes");
    ran.assert_says("clippy.toml: added").assert_says(".editorconfig: removed");
    // What the template changed, and what the owner did, in one file.
    for (file, theirs, ours) in [
        ("Makefile", "check: ##", "load: ##"),
        ("Dockerfile", "ARG RUST=1.95", "org.opencontainers.image.vendor"),
        ("Cargo.toml", "rust-version = \"1.95\"", "bytes = \"1\""),
        ("src/error.rs", "the body is too large", "Gone"),
        ("tests/service.rs", "fn errors_are_json", "fn totals_are_answered"),
        ("README.md", "## The next version", "The carts of all customers."),
        (".github/workflows/ci.yml", "timeout-minutes: 45", "nightly:"),
    ] {
        let text = read(&folder, file);
        assert!(text.contains(theirs) && text.contains(ours), "{file}:\n{text}");
    }
    lameduck(&folder, &["upgrade"]).assert_code(0).assert_says("nothing to do");
    lameduck(&folder, &["doctor"]).assert_code(0);
    cargo(&folder, &["test", "--no-default-features"]).assert_code(0).assert_says("totals_are_answered ... ok");
}

#[test]
fn where_both_changed_the_same_line_the_conflict_is_marked() {
    let around = tempfile::tempdir().unwrap();
    lameduck(around.path(), &["new", "orders"]).assert_code(0);
    let folder = around.path().join("orders");
    age(&folder, "orders");
    edit_file(&folder, "Dockerfile", "ARG RUST=1.94", "ARG RUST=1.93");
    std::fs::remove_file(folder.join("README.md")).unwrap();

    let ran = lameduck(&folder, &["upgrade"]);
    ran.assert_code(1).assert_says("Dockerfile: CONFLICT").assert_says("README.md: left out: you deleted it");
    let text = read(&folder, "Dockerfile");
    assert!(text.contains("<<<<<<< ours\nARG RUST=1.93\n=======\nARG RUST=1.95\n>>>>>>> theirs\n"), "{text}");
    assert!(read(&folder, "Makefile").contains("check: ##"), "what had no conflict is merged");
    lameduck(&folder, &["doctor"]).assert_code(1).assert_says("Dockerfile: has conflict markers");
}

#[test]
fn another_version_says_how_to_get_it() {
    let around = tempfile::tempdir().unwrap();
    lameduck(around.path(), &["new", "orders", "--engine", "https://example.com/l#v0.1.0"]).assert_code(0);
    let folder = around.path().join("orders");
    let ran = lameduck(&folder, &["upgrade", "--to", "9.9.9"]);
    ran.assert_code(1).assert_says("cargo install --git https://example.com/l --tag v9.9.9 lameduck-cli");
    lameduck(&folder, &["upgrade", "--to", "0.1.0"]).assert_code(0).assert_says("nothing to do");
    lameduck(&folder, &["upgrade", "--engine", "0.1.0"]).assert_code(0).assert_says("Cargo.toml: updated");
    lameduck(&folder, &["doctor"]).assert_code(0);
}

#[test]
fn work_that_is_not_committed_is_not_mixed_with_an_upgrade() {
    let around = tempfile::tempdir().unwrap();
    lameduck(around.path(), &["new", "orders"]).assert_code(0);
    let folder = around.path().join("orders");
    age(&folder, "orders");
    let Ok(init) = Command::new("git").args(["init", "--quiet"]).current_dir(&folder).status() else { return };
    assert!(init.success());
    let before = read(&folder, "Makefile");
    lameduck(&folder, &["upgrade"]).assert_code(1).assert_says("not committed");
    assert_eq!(read(&folder, "Makefile"), before);
    lameduck(&folder, &["upgrade", "--dirty"]).assert_code(0);
}
