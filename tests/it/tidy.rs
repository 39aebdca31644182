//! What the compiler does not hold: who may know whom, the shape of files, links in the docs.

mod cycles;
mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const COMMENT_COLUMNS_MAX: usize = 120;

/// Each room, and the rooms that it may know.
const ROOMS: &[(&str, &[&str])] = &[
    ("crates/support", &[]),
    ("crates/lifecycle", &["lameduck-support"]),
    ("crates/config", &["lameduck-support"]),
    ("crates/client", &["lameduck-support"]),
    ("crates/server", &["lameduck-lifecycle", "lameduck-support"]),
    ("crates/cluster", &["lameduck-lifecycle", "lameduck-support"]),
    ("crates/telemetry", &["lameduck-client", "lameduck-support"]),
    (
        "crates/lameduck",
        &[
            "lameduck-client",
            "lameduck-cluster",
            "lameduck-config",
            "lameduck-lifecycle",
            "lameduck-server",
            "lameduck-support",
            "lameduck-telemetry",
        ],
    ),
    ("crates/dependencies", &["lameduck", "lameduck-support"]),
    ("crates/cli", &["lameduck-support"]),
    ("crates/load", &["lameduck-support"]),
    ("examples/orders", &["lameduck", "lameduck-dependencies"]),
    ("crates/drill", &["lameduck-load", "lameduck-support"]),
    ("crates/bench", &["lameduck", "lameduck-grpc", "lameduck-load", "lameduck-server", "lameduck-support"]),
    ("crates/grpc", &["lameduck"]),
    (".", &["lameduck", "lameduck-grpc"]),
];

/// What a room must not contain, and why.
const ABSENT: [(&str, &[&str], &str); 7] = [
    (
        "crates/lifecycle/src",
        &["Instant::now", "SystemTime", "tokio::", "hyper::", "axum::"],
        "the machine is pure: time comes in with each event",
    ),
    (
        "crates/server/src",
        &["tokio::signal", "kube::", "std::env::var"],
        "the server is told what to do by values and calls",
    ),
    (
        "crates/config/src",
        &["\"drain.", "\"listen.", "tokio::", "tracing::"],
        "the configuration crate knows no key and no engine",
    ),
    ("crates/cluster/src", &["axum::", "hyper::server"], "the cluster yields facts, nothing else"),
    ("crates/telemetry/src", &["Effect::", "Server::", "lame_duck()"], "telemetry observes, never drives"),
    (
        "src",
        &["lameduck_server", "lameduck_lifecycle", "lameduck_cluster", "lameduck_telemetry"],
        "the service knows the facade alone",
    ),
    (
        "crates/drill/src",
        &["lameduck_lifecycle", "lameduck_server", "lameduck::"],
        "the drill judges by public surfaces",
    ),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below `folder` with this ending, sorted.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && !["target", "node_modules", "generated"].contains(&name.as_str())
        {
            found.extend(files(&path, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<PathBuf> {
    ["src", "tests", "crates", "examples"].iter().flat_map(|folder| files(&root().join(folder), ".rs")).collect()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Fails with all faults at once.
fn report(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// Names under `[dependencies]` and its target- and feature-specific forms; not those for tests.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut on = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            on = line.trim_end_matches(']').ends_with("dependencies")
                && !line.contains("dev-")
                && !line.contains("workspace");
        } else if on && let Some((name, _)) = line.split_once([' ', '.', '=']) {
            names.insert(name.to_owned());
        }
    }
    names
}

#[test]
fn rooms_know_only_whom_they_may() {
    let mut faults = Vec::new();
    for &(room, may) in ROOMS {
        let names = dependencies(&read(&root().join(room).join("Cargo.toml")));
        for name in names.iter().filter(|name| name.starts_with("lameduck") && !may.contains(&name.as_str())) {
            faults.push(format!("{room}/Cargo.toml: {room} must not know {name}"));
        }
    }
    for (room, allowed) in [("lifecycle", &["lameduck-support", "serde", "serde_json"][..]), ("support", &[])] {
        let names = dependencies(&read(&root().join(format!("crates/{room}/Cargo.toml"))));
        for name in names.iter().filter(|name| !allowed.contains(&name.as_str())) {
            faults.push(format!("crates/{room}/Cargo.toml: the pure room must not need {name}"));
        }
    }
    report(&faults);
}

#[test]
fn what_must_be_absent_is() {
    let mut faults = Vec::new();
    for (room, words, why) in ABSENT {
        for path in files(&root().join(room), ".rs") {
            for (number, line) in
                (1..).zip(read(&path).lines()).filter(|(_, line)| !line.trim_start().starts_with("//"))
            {
                for word in words.iter().filter(|word| line.contains(**word)) {
                    faults.push(format!("{}:{number}: {word}: {why}", shown(&path)));
                }
            }
        }
    }
    report(&faults);
}

#[test]
fn only_main_ends_the_process() {
    let exit = ["process", "exit("].join("::");
    let faults: Vec<_> = sources().iter().filter(|path| read(path).contains(&exit)).map(|path| shown(path)).collect();
    report(&faults);
}

#[test]
fn files_say_what_they_are_and_stay_small() {
    let mut faults = Vec::new();
    for path in sources() {
        let text = read(&path);
        let lines = text.lines().count();
        if path.ends_with("mod.rs") {
            faults.push(format!("{}: x.rs beside x/ instead", shown(&path)));
        }
        if !text.starts_with("//!") && !path.ends_with("tests.rs") {
            faults.push(format!("{}: begins without saying what it is for (//!)", shown(&path)));
        }
        if lines > FILE_LINES_MAX {
            faults.push(format!("{}: {lines} lines, at most {FILE_LINES_MAX}", shown(&path)));
        }
    }
    report(&faults);
}

#[test]
fn functions_fit_on_a_screen() {
    let mut faults = Vec::new();
    for path in sources() {
        let text = read(&path);
        let lines: Vec<_> = text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let opens = line.split_whitespace().take(6).any(|word| word == "fn");
            if !opens || line.trim_start().starts_with("//") || line.ends_with(';') || line.ends_with('}') {
                continue;
            }
            // Formatted code: a function ends with the first brace at its own indent.
            let end = lines[start..].iter().position(|line| {
                line.starts_with('}') && indent == 0
                    || line.len() > indent && line[..indent].trim().is_empty() && line[indent..].starts_with('}')
            });
            let length = end.unwrap_or(0);
            if length > FUNCTION_LINES_MAX {
                faults.push(format!("{}:{}: {length} lines, at most {FUNCTION_LINES_MAX}", shown(&path), start + 1));
            }
        }
    }
    report(&faults);
}

/// rustfmt leaves comments as they are. Tables, code and drawings in comments may be wider.
#[test]
fn comments_are_as_narrow_as_the_code() {
    let mut faults = Vec::new();
    for path in sources() {
        let mut code = false;
        for (number, line) in (1..).zip(read(&path).lines()) {
            let Some(comment) = line.trim_start().strip_prefix("//") else {
                code = false;
                continue;
            };
            let text = comment.trim_start_matches(['/', '!']);
            code ^= text.trim_start().starts_with("```");
            let drawn = code || text.trim_start().starts_with('|') || text.starts_with("     ");
            let width = line.chars().count();
            if width > COMMENT_COLUMNS_MAX && !drawn && text.trim().contains(' ') {
                faults.push(format!("{}:{number}: {width} columns, at most {COMMENT_COLUMNS_MAX}", shown(&path)));
            }
        }
    }
    report(&faults);
}

/// The targets of `](target)` links.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

#[test]
fn links_in_the_docs_lead_somewhere() {
    let mut faults = Vec::new();
    // The head of the chart's README is checked where it ends up.
    for path in files(root(), ".md").into_iter().filter(|path| !path.ends_with("readme-head.md")) {
        let text = read(&path);
        for link in links(&text).filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let target = path.parent().unwrap().join(link.split('#').next().unwrap());
            if !target.exists() {
                faults.push(format!("{}: {link} leads nowhere", shown(&path)));
            }
        }
    }
    report(&faults);
}

#[test]
fn make_targets_in_the_docs_exist() {
    // The docs speak of this repository, and of the projects that `lameduck new` writes.
    let makefile = read(&root().join("Makefile")) + &read(&root().join("crates/cli/template/Makefile"));
    let targets: BTreeSet<_> = makefile
        .lines()
        .filter(|line| !line.starts_with(['\t', '#']))
        .filter_map(|line| line.split_once(':'))
        .map(|(target, _)| target)
        .collect();
    let mut faults = Vec::new();
    for path in files(root(), ".md").into_iter().chain(files(&root().join(".github"), ".yml")) {
        let text = read(&path);
        for part in text
            .split(['`', '\n'])
            .map(str::trim)
            .filter_map(|part| part.trim_start_matches("- run: ").strip_prefix("make "))
        {
            let target = part.split_whitespace().next().unwrap_or_default();
            if !targets.contains(target) {
                faults.push(format!("{}: make {target} is not in the Makefile", shown(&path)));
            }
        }
    }
    report(&faults);
}

#[test]
fn every_file_of_the_change_table_exists() {
    let text = read(&root().join("docs/architecture.md"));
    let table = text.split("## To change X, open Y").nth(1).expect("docs/architecture.md has the table");
    let rows: Vec<_> = table
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .collect();
    assert!(rows.len() >= 10, "{} everyday tasks, expected at least ten", rows.len());
    let mut faults = Vec::new();
    for row in rows {
        let paths: Vec<_> = row.split('|').nth(2).unwrap_or_default().split('`').skip(1).step_by(2).collect();
        if paths.is_empty() {
            faults.push(format!("no file: {row}"));
        }
        faults.extend(
            paths.iter().filter(|path| !root().join(path).exists()).map(|path| format!("{path} does not exist: {row}")),
        );
    }
    report(&faults);
}
