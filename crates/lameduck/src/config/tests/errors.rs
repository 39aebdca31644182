//! What comes back for what was written, word by word.
//!
//! `errors.txt` has a block for each case: `|` lines are the file, `$` lines the environment, `!` lines what must come
//! back.

use super::*;

/// Stands in the table for what every duration expects.
const DURATION: &str = "a duration with a unit from 0s to 24h, such as 3s, 250ms or 1m30s";

pub(super) fn told(sources: &Sources) -> String {
    match load::<()>(sources) {
        Ok(_) => "! (nothing)\n".to_owned(),
        Err(errors) => {
            let lines = errors.0.iter().map(|error| format!("! {error}\n"));
            lines.collect::<String>().replace(DURATION, "<duration>")
        }
    }
}

#[test]
fn every_error_has_these_words() {
    let table = include_str!("errors.txt");
    let blocks: Vec<_> = table.split("\n\n").filter(|block| block.contains("\n! ")).collect();
    assert!(blocks.len() >= 60, "{}", blocks.len());
    for block in blocks {
        let of = |mark: &str| block.lines().filter_map(|line| line.strip_prefix(mark)).collect::<Vec<_>>();
        let environment: Vec<_> = of("$ ").iter().map(|line| line.split_once('=').unwrap()).collect();
        let told = told(&sources(&of("| ").join("\n"), &environment));
        let expected: String = of("! ").iter().map(|line| format!("! {line}\n")).collect();
        assert_eq!(told, expected, "of the block\n{block}\n\nwhich gets\n{told}");
    }
}

#[test]
fn a_hostile_file_is_refused_before_it_costs_anything() {
    let bomb = (1..9).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, level| {
        let alias = format!("*a{}, ", level - 1).repeat(9);
        text + &format!("a{level}: &a{level} [{}]\n", alias.trim_end_matches(", "))
    });
    let names: String = (0..70).map(|index| format!("  name{index}: {{tcp: 'a:1'}}\n")).collect();
    let unknown: String = (0..2000).map(|index| format!("k{index}: 1\n")).collect();
    for (yaml, expected) in [
        (bomb, "not readable as YAML: YAML document too large"),
        ("[".repeat(5000), "not readable as YAML: recursion limit exceeded"),
        (format!("dependencies:\n{names}"), "dependencies: has more than 64 entries"),
        (unknown, "and 1960 more"),
    ] {
        let errors = load::<()>(&sources(&yaml, &[])).unwrap_err().to_string();
        assert!(errors.contains(expected), "{errors}");
        assert!(errors.len() < 8192, "{} bytes", errors.len());
        assert_eq!(errors.matches("more than 64").count(), usize::from(expected.contains("64")), "{errors}");
    }
}
