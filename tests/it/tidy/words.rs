//! Words that do not return, and the glossary.
//!
//! Searched is what a user reads: the docs (decisions in docs/adr stay as they were written), the README and its
//! neighbours, the chart's values, notes and checks (not blocks of code and output), `--help`, the errors of the
//! configuration, and the texts that the engine and the sample print, log or send, as far as they are written as one
//! string. Not searched: comments, names of tests, the drill's own texts.

use super::{files, read, report, root, shown};

/// What is not written, and what is instead.
const WORDS: [(&str, &str); 18] = [
    ("told", "the exact verb: notified, signalled, logged, configured"),
    ("tells", "the exact verb"),
    ("whoever", "name the subject: a client, an operator"),
    ("somebody", "name the subject: a client, an operator, another process"),
    ("for ever", "forever, or without limit"),
    ("anew", "again"),
    ("of its own", "separate, or its"),
    ("of our own", "drop it"),
    ("time-out", "timeout, or time limit"),
    ("time-outs", "timeouts, or time limits"),
    ("mistake", "error"),
    ("mistakes", "errors"),
    ("beforehand", "in advance"),
    ("mend", "fix"),
    ("mended", "fixed"),
    ("affair", "matter"),
    ("herd", "say what happens: all at once"),
    ("gathers", "batches, collects"),
];

const TERMS_MAX: usize = 25;

/// Where texts for users are written as strings.
const SOURCES: [&str; 8] = [
    "src",
    "crates/cli/src",
    "crates/cluster/src",
    "crates/config/src",
    "crates/lameduck/src",
    "crates/server/src",
    "crates/support/src",
    "crates/telemetry/src",
];

#[test]
fn words_that_were_retired_do_not_return() {
    let mut faults = Vec::new();
    for path in pages() {
        let text = read(&path);
        let is_markdown = path.extension().is_some_and(|end| end == "md");
        faults.extend(found(&shown(&path), &if is_markdown { prose(&text) } else { text }));
    }
    for path in SOURCES.iter().flat_map(|folder| files(&root().join(folder), ".rs")) {
        let is_test = path.iter().any(|part| part == "tests" || part == "tests.rs");
        if !is_test {
            faults.extend(found(&shown(&path), &strings(&read(&path))));
        }
    }
    #[cfg(unix)]
    {
        let help = crate::process::command().arg("--help").output().expect("the binary starts");
        faults.extend(found("--help", &String::from_utf8_lossy(&help.stdout)));
    }
    report(&faults);
}

#[test]
fn a_retired_word_is_found() {
    let text = "It was told.\nA storyteller retold it.\nWait for ever!\nTime-outs of its own";
    let faults = found("page", text);
    assert_eq!(faults.len(), 4, "{faults:#?}");
    assert!(faults[0].starts_with("page:1: \"told\": "), "{}", faults[0]);
    let source =
        "// told\nfn f() { log(\"was told\"); }\n#[expect(x, reason = \"told\")]\n#[cfg(test)]\nmod tests { \"told\" }";
    assert_eq!(found("source", &strings(source)).len(), 1);
}

#[test]
fn the_glossary_is_short_and_each_term_has_one_meaning() {
    let text = read(&root().join("docs/glossary.md"));
    let terms: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("| **")?.split("**").next()).collect();
    let mut sorted = terms.clone();
    sorted.sort_unstable_by_key(|term| term.to_lowercase());
    assert!((15..=TERMS_MAX).contains(&terms.len()), "{} terms, at most {TERMS_MAX}", terms.len());
    assert_eq!(terms, sorted, "in alphabetical order");
    sorted.dedup();
    assert_eq!(terms.len(), sorted.len(), "each once");
}

/// Pages that users read.
fn pages() -> Vec<std::path::PathBuf> {
    let top = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root().join(name));
    let docs = files(&root().join("docs"), ".md").into_iter().filter(|path| !path.iter().any(|part| part == "adr"));
    let chart = [".md", "values.yaml", "NOTES.txt", ".tpl"].iter().flat_map(|end| files(&root().join("helm"), end));
    let errors = [root().join("crates/lameduck/src/config/tests/errors.txt")];
    top.into_iter().chain(docs).chain(chart).chain(errors).collect()
}

/// Markdown without its blocks of code and output.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let line = |line: &str| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        let code = fence || fenced || line.starts_with("    ");
        if code { "\n".to_owned() } else { format!("{line}\n") }
    };
    text.lines().map(line).collect()
}

fn found(name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let lower = line.to_lowercase();
        for (word, instead) in WORDS {
            let whole = |at: usize| {
                let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_');
                !letter(lower[..at].chars().next_back()) && !letter(lower[at + word.len()..].chars().next())
            };
            if lower.match_indices(word).any(|(at, _)| whole(at)) {
                faults.push(format!("{name}:{number}: {word:?}: {instead}: {}", line.trim()));
            }
        }
    }
    faults
}

/// The string literals of a source, each on the line where it ends; without comments, tests and reasons of lints.
fn strings(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut kept = String::new();
    let (mut inside, mut escaped) = (false, false);
    for line in text.lines() {
        let is_code = inside || !line.trim_start().starts_with("//") && !line.contains("reason = \"");
        for c in line.chars().filter(|_| is_code) {
            match c {
                _ if escaped => escaped = false,
                '\\' if inside => escaped = true,
                '"' => {
                    inside = !inside;
                    kept.push(' ');
                }
                _ if inside => kept.push(c),
                _ => {}
            }
        }
        escaped = false;
        kept.push('\n');
    }
    kept
}
