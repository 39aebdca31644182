//! The examples of docs/dependencies.md are configurations that this service takes.

use std::process::Command;

/// A kind that is not compiled into this service.
const NOT_HERE: &str = "kafka:";

#[test]
fn every_configuration_example_is_valid() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/dependencies.md");
    let page = std::fs::read_to_string(page).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bootstrap.yaml");
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: Vec<_> = blocks.filter(|block| !block.contains(NOT_HERE)).collect();
    assert!(blocks.len() >= 3, "{blocks:?}");
    for block in blocks {
        std::fs::write(&file, block).unwrap();
        let mut check = Command::new(env!("CARGO_BIN_EXE_orders"));
        let output = check.args(["check", "--config"]).arg(&file).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{block}{}", String::from_utf8_lossy(&output.stderr));
    }
}
