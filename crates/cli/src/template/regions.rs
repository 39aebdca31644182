//! Regions: `// [WORD` to `// WORD]` on separate lines, and `// [WORD]` at the end of a line. What is in one is for
//! projects that have WORD. `#` and `<!-- … -->` are comments, too.

use anyhow::{bail, ensure};

enum Line<'t> {
    Opens(&'t str),
    Closes(&'t str),
    Tagged { text: &'t str, word: &'t str },
    Plain(&'t str),
}

/// Leaves out what the project does not have, and all marks.
///
/// # Errors
/// A region is not closed, or closed without being open.
pub(super) fn apply(text: &str, has: &dyn Fn(&str) -> bool) -> anyhow::Result<String> {
    let mut out: Vec<&str> = Vec::new();
    let mut open: Vec<(&str, bool)> = Vec::new();
    let mut dropped = false;
    for (number, line) in (1..).zip(text.lines()) {
        let kept = open.iter().all(|(_, kept)| *kept);
        match classify(line) {
            Line::Opens(word) => open.push((word, has(word))),
            Line::Closes(word) => {
                let Some((opened, _)) = open.pop() else { bail!("line {number}: {word}] closes nothing") };
                ensure!(opened == word, "line {number}: {word}] closes [{opened}");
                dropped = true;
            }
            Line::Tagged { text, word } if kept && has(word) => out.push(text),
            Line::Plain(line) if kept => {
                // A blank line behind what is gone would be the second one, or the first of a block.
                let needless = out.last().is_none_or(|before| before.trim().is_empty() || before.ends_with('{'));
                if !(dropped && line.trim().is_empty() && needless) {
                    out.push(line);
                    dropped = false;
                }
            }
            Line::Tagged { .. } | Line::Plain(_) => dropped = true,
        }
    }
    ensure!(open.is_empty(), "[{} is not closed", open.last().map_or("", |(word, _)| word));
    while out.last().is_some_and(|line| line.trim().is_empty()) {
        out.pop();
    }
    Ok(out.iter().flat_map(|line| [line, "\n"]).collect())
}

fn classify(line: &str) -> Line<'_> {
    let trimmed = line.trim();
    let comment = ["//", "#", "<!--"].iter().find_map(|lead| trimmed.strip_prefix(lead));
    if let Some(comment) = comment {
        let comment = comment.trim_end_matches("-->").trim();
        if let Some(word) = comment.strip_prefix('[').filter(|word| is_word(word)) {
            return Line::Opens(word);
        }
        if let Some(word) = comment.strip_suffix(']').filter(|word| is_word(word)) {
            return Line::Closes(word);
        }
    }
    let tag = [" // [", " # ["].iter().find_map(|lead| {
        let (text, rest) = line.rsplit_once(lead)?;
        let word = rest.strip_suffix(']').filter(|word| is_word(word))?;
        Some(Line::Tagged { text: text.trim_end(), word })
    });
    tag.unwrap_or(Line::Plain(line))
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a\n// [sample\nb\n\n// sample]\n\nc // [sample]\nfn f() {\n    # [traces\n    d\n    # traces]\n\n    e\n}\n[features]\n";

    #[test]
    fn what_a_project_has_stays_without_the_marks() {
        let all = apply(TEXT, &|_| true).unwrap();
        assert_eq!(all, "a\nb\n\nc\nfn f() {\n    d\n\n    e\n}\n[features]\n");
        let none = apply(TEXT, &|_| false).unwrap();
        assert_eq!(none, "a\n\nfn f() {\n    e\n}\n[features]\n");
    }

    #[test]
    fn regions_nest_and_must_match() {
        let nested = "// [sample\na\n// [traces\nb\n// traces]\n// sample]\n";
        assert_eq!(apply(nested, &|word| word == "sample").unwrap(), "a\n");
        assert_eq!(apply(nested, &|word| word == "traces").unwrap(), "");
        for wrong in ["// [sample\n", "// sample]\n", "// [sample\n// traces]\n"] {
            assert!(apply(wrong, &|_| true).is_err(), "{wrong}");
        }
    }
}
