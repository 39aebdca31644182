//! `docs/tutorial.md`, done: its changes applied to a new project, built, run and restarted.

use crate::{cargo, checkout, project, target};
use lameduck_testing::Service;
use std::path::Path;
use std::process::Command;

const LINES_MAX: usize = 40;

/// Fenced blocks of a language.
pub fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}");
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_end() == fence {
            let block = lines.by_ref().take_while(|line| !line.starts_with("```"));
            found.push(block.flat_map(|line| [line, "\n"]).collect());
        }
    }
    found
}

/// Applies a diff as the docs write it: `---`, `+++`, `@@`, and lines; the old lines must be there once.
pub fn apply(diff: &str, folder: &Path) {
    for change in diff.split("--- ").skip(1) {
        let (header, hunks) = change.split_once("@@\n").expect("a change has a hunk");
        let name = header.split("+++ ").nth(1).expect("a change names its file").trim();
        for hunk in hunks.split("@@\n") {
            let side = |other: char| -> String {
                let lines = hunk.lines().filter(|line| !line.starts_with(other));
                lines.flat_map(|line| [line.get(1..).unwrap_or_default(), "\n"]).collect()
            };
            let (old, new) = (side('+'), side('-'));
            let text = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
            let text = if old.is_empty() {
                assert!(text.is_empty(), "{name} is there already");
                new
            } else {
                assert_eq!(text.matches(&old).count(), 1, "{name}: not there exactly once:\n{old}");
                text.replace(&old, &new)
            };
            std::fs::write(folder.join(name), text).unwrap();
        }
    }
}

#[test]
fn the_tutorial_builds_runs_and_remembers() {
    let page = std::fs::read_to_string(checkout().join("docs/tutorial.md")).unwrap();
    let diffs = blocks(&page, "diff");
    let lines = diffs.iter().flat_map(|diff| diff.lines());
    let changed = lines
        .filter(|line| line.starts_with(['+', '-']) && !line.starts_with("+++ ") && !line.starts_with("--- "))
        .count();
    assert!((1..LINES_MAX).contains(&changed), "{changed} changed lines, promised are less than {LINES_MAX}");
    let folder = project("visits", &[]);
    for diff in &diffs {
        apply(diff, &folder);
    }
    cargo(&folder, &["build", "--no-default-features"]).assert_code(0);

    let home = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = Command::new(target().join("debug/visits"));
        command.current_dir(home.path());
        Service::start_command(command, &[])
    };
    let service = start();
    assert_eq!((service.get("/visits").text(), service.get("/visits").text()), ("1".to_owned(), "2".to_owned()));
    let ended = service.stop();
    ended.assert_code(0);
    assert!(ended.log.contains("leaving after 2 visits"), "{}", ended.log);
    assert_eq!(std::fs::read_to_string(home.path().join("visits")).unwrap(), "2");
    assert_eq!(start().get("/visits").text(), "3");
}
