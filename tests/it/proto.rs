//! What is generated from `proto/` is as its files say; `make proto` writes it again. And the tutorial's method: its
//! changes fit, are few, and generate what they say.

#[path = "../../proto/generate.rs"]
pub mod generate;

use crate::docs::blocks;
use std::path::Path;

const LINES_MAX: usize = 20;

#[test]
fn the_generated_code_is_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (path, content) in generate::files(root) {
        let committed = std::fs::read(root.join(&path)).unwrap_or_default();
        assert!(committed == content, "{} is stale: run `make proto`", path.display());
    }
}

/// A changed file of the tutorial, before and after.
fn changed(patch: &str) -> (String, String) {
    let (header, hunks) = patch.split_once("@@\n").expect("a change has a hunk");
    let name = header.lines().last().and_then(|line| line.strip_prefix("+++ ")).expect("a change names its file");
    let mut text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    for hunk in hunks.split("@@\n") {
        let side = |other: char| -> String {
            let lines = hunk.lines().filter(|line| !line.starts_with(other));
            lines.flat_map(|line| [line.get(1..).unwrap_or_default(), "\n"]).collect()
        };
        let (old, new) = (side('+'), side('-'));
        assert_eq!(text.matches(&old).count(), 1, "{name}: not there exactly once:\n{old}");
        text = text.replace(&old, &new);
    }
    (name.to_owned(), text)
}

#[test]
fn the_tutorials_method_is_added_in_few_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/tutorial.md")).unwrap();
    let patches = blocks(&page, "patch");
    let lines = patches.iter().flat_map(|(_, patch)| patch.lines());
    let count =
        lines.filter(|line| line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---"));
    let count = count.count();
    assert!((1..LINES_MAX).contains(&count), "{count} changed lines, promised are less than {LINES_MAX}");

    let copy = tempfile::tempdir().unwrap();
    for name in ["proto/lameduck/sample/v1/sample.proto", "proto/lameduck/bench/v1/bench.proto"] {
        let target = copy.path().join(name);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(root.join(name), target).unwrap();
    }
    let mut handlers = String::new();
    for (_, patch) in &patches {
        let (name, text) = changed(patch);
        if name.starts_with("proto/") {
            std::fs::write(copy.path().join(name), text).unwrap();
        } else {
            handlers = text;
        }
    }
    let generated = generate::files(copy.path());
    let server = String::from_utf8(generated[Path::new("src/grpc/generated/lameduck.sample.v1.rs")].clone()).unwrap();
    for name in ["async fn time_left(", "TimeLeftRequest", "TimeLeftResponse"] {
        assert!(server.contains(name) && handlers.contains(name), "{name}");
    }
}
