//! What is generated from `proto/` is as its files say. `make proto` writes it again.

#[path = "../../proto/generate.rs"]
mod generate;

#[test]
fn the_generated_code_is_fresh() {
    for (path, content) in generate::files() {
        let committed = std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&path)).unwrap_or_default();
        assert!(committed == content, "{} is stale: run `make proto`", path.display());
    }
}
