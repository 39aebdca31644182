//! `docs/tutorial.md`, done: its changes applied to a copy of the workspace, built, run and restarted.

use crate::docs::blocks;
use crate::process::{Service, with_free_ports};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const LINES_MAX: usize = 40;
const COPIED: [&str; 5] = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "src", "crates"];

/// Files of the copy by path, relative to its root.
type Files = BTreeMap<PathBuf, Vec<u8>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn collect(path: &Path, files: &mut Files) {
    let full = root().join(path);
    if full.is_dir() {
        for entry in std::fs::read_dir(full).unwrap() {
            collect(&path.join(entry.unwrap().file_name()), files);
        }
    } else {
        files.insert(path.to_owned(), std::fs::read(full).unwrap());
    }
}

/// Applies a diff as the tutorial writes it: `---`, `+++`, `@@`, and lines; the old lines must be there once.
fn apply(diff: &str, files: &mut Files) {
    for change in diff.split("--- ").skip(1) {
        let (header, hunks) = change.split_once("@@\n").expect("a change has a hunk");
        let target = PathBuf::from(header.split("+++ ").nth(1).expect("a change names its file").trim());
        for hunk in hunks.split("@@\n") {
            let side = |other: char| -> String {
                let lines = hunk.lines().filter(|line| !line.starts_with(other));
                lines.flat_map(|line| [line.get(1..).unwrap_or_default(), "\n"]).collect()
            };
            let (old, new) = (side('+'), side('-'));
            let text = String::from_utf8(files.get(&target).cloned().unwrap_or_default()).unwrap();
            let text = if old.is_empty() {
                assert!(text.is_empty(), "{} is there already", target.display());
                new
            } else {
                assert_eq!(text.matches(&old).count(), 1, "{}: not there exactly once:\n{old}", target.display());
                text.replace(&old, &new)
            };
            files.insert(target.clone(), text.into_bytes());
        }
    }
}

/// Writes what differs, so that cargo builds only that again.
fn write(folder: &Path, files: &Files) {
    for (path, text) in files {
        let path = folder.join(path);
        if std::fs::read(&path).ok().as_ref() != Some(text) {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        }
    }
}

/// The copy with the changes, under a name of its own as a user's service has.
fn tutorial() -> Files {
    let mut files = Files::new();
    for path in COPIED {
        collect(Path::new(path), &mut files);
    }
    let page = std::fs::read_to_string(root().join("docs/tutorial.md")).unwrap();
    let diffs = blocks(&page, "diff");
    let lines = diffs.iter().flat_map(|(_, diff)| diff.lines());
    let changed = lines
        .filter(|line| line.starts_with(['+', '-']) && !line.starts_with("+++ ") && !line.starts_with("--- "))
        .count();
    assert!((1..LINES_MAX).contains(&changed), "{changed} changed lines, promised are less than {LINES_MAX}");
    for (_, diff) in diffs {
        apply(&diff, &mut files);
    }
    for manifest in ["Cargo.toml", "Cargo.lock"] {
        let text = files.get_mut(Path::new(manifest)).unwrap();
        *text =
            String::from_utf8(text.clone()).unwrap().replace("\"lameduck-service\"", "\"visits-service\"").into_bytes();
    }
    files
}

/// Builds the copy into a target folder apart: in the one of this run it would replace crates of the same name, and what is
/// built on those could not be used any more.
fn build() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tutorial");
    write(&folder, &tutorial());
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tutorial-target");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--offline", "--package", "visits-service", "--target-dir"])
        .arg(&target)
        .current_dir(&folder)
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join("debug").join("visits-service")
}

#[test]
fn the_tutorial_builds_runs_and_remembers() {
    let binary = build();
    let home = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = Command::new(&binary);
        command.current_dir(home.path());
        Service::start_command(command, &with_free_ports(&[]))
    };
    let service = start();
    assert_eq!((service.get("/visits").text(), service.get("/visits").text()), ("1".to_owned(), "2".to_owned()));
    let ended = service.stop();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    assert!(ended.log.contains("leaving after 2 visits"), "{}", ended.log);
    assert_eq!(std::fs::read_to_string(home.path().join("visits")).unwrap(), "2");
    assert_eq!(start().get("/visits").text(), "3");
}
