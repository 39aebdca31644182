//! Pages that are made from the code are as the code says.
//!
//! `make docs` (LAMEDUCK_WRITE_DOCS=1) writes them again.

use crate::process::command;
use std::path::Path;

#[test]
fn the_page_of_the_configuration_is_fresh() {
    let output = command().arg("keys").output().expect("the binary starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let fresh = String::from_utf8(output.stdout).expect("it prints text");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    if std::env::var_os("LAMEDUCK_WRITE_DOCS").is_some() {
        std::fs::write(&page, &fresh).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(committed == fresh, "docs/configuration.md is stale: run `make docs`");
}
