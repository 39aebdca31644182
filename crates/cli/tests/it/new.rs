//! `lameduck new`: what is written, and what is refused.

use crate::{checkout, lameduck};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

fn entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_wrong_name_is_refused_with_one_that_works_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    for (name, says) in [
        ("Orders", "orders would do"),
        ("7up", "begin with a letter"),
        ("async", "reserved word"),
        ("a b", "a-b would do"),
    ] {
        lameduck(folder.path(), &["new", name]).assert_code(2).assert_says(says);
    }
    assert_eq!(entries(folder.path()), 0);
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("orders")).unwrap();
    std::fs::write(folder.path().join("orders/mine"), "mine").unwrap();
    lameduck(folder.path(), &["new", "orders"]).assert_code(1).assert_says("is not empty").assert_says("--dir");
    assert_eq!((entries(folder.path()), entries(&folder.path().join("orders"))), (1, 1));
    // An empty one, and one with folders around it that do not exist yet, are all right.
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    lameduck(folder.path(), &["new", "orders", "--dir", "empty"]).assert_code(0).assert_says("cd empty");
    lameduck(folder.path(), &["new", "orders", "--dir", "a/b"]).assert_code(0);
    assert!(folder.path().join("a/b/src/main.rs").is_file());
    // The folder that one is in stays the same.
    std::fs::create_dir(folder.path().join("here")).unwrap();
    let here = folder.path().join("here");
    let before = std::fs::metadata(&here).unwrap().ino();
    lameduck(&here, &["new", "orders", "--dir", "."]).assert_code(0);
    assert!(here.join("src/main.rs").is_file() && std::fs::metadata(&here).unwrap().ino() == before);
}

#[test]
fn an_engine_that_is_not_there_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    lameduck(folder.path(), &["new", "orders", "--engine", "./nowhere"])
        .assert_code(1)
        .assert_says("--engine ./nowhere");
    lameduck(folder.path(), &["new", "orders", "--with", "blockchain"]).assert_code(2).assert_says("traces");
    assert_eq!(entries(folder.path()), 0);
}

#[test]
fn the_engine_is_a_checkout_a_version_or_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = |name: &str, engine: &str| {
        lameduck(folder.path(), &["new", name, "--engine", engine]).assert_code(0);
        std::fs::read_to_string(folder.path().join(name).join("Cargo.toml")).unwrap()
    };
    assert!(manifest("a", "0.9.1").contains("lameduck = { version = \"0.9.1\", default-features = false }"));
    let git = manifest("b", "https://example.com/l#v1");
    assert!(git.contains("lameduck-testing = { git = \"https://example.com/l\", tag = \"v1\" }"), "{git}");
    let path = manifest("c", checkout().to_str().unwrap());
    assert!(path.contains(&format!("lameduck = {{ path = \"{}/crates/lameduck\"", checkout().display())), "{path}");
}

#[test]
fn the_same_choices_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for at in ["one", "two"] {
        lameduck(folder.path(), &["new", "orders", "--dir", at, "--with", "traces", "--engine", "0.1.0"])
            .assert_code(0);
    }
    for file in [".lameduck/base.tar.gz", ".lameduck.toml", "helm/orders/charts/lameduck-0.1.0.tgz"] {
        let read = |at: &str| std::fs::read(folder.path().join(at).join(file)).unwrap();
        assert_eq!(read("one"), read("two"), "{file}");
    }
}
