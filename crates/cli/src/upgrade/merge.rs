//! Three trees: the template as it was, the template as it is, the project. Pure.

use crate::record;
use crate::tree::{Changes, Tree};
use std::collections::{BTreeMap, BTreeSet};

/// What happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// New in the template.
    Added,
    /// The project had it as the template wrote it.
    Updated,
    /// Both changed it, in different places.
    Merged,
    /// Both changed the same place.
    Conflict,
    /// The template has it no longer, and the project did not change it.
    Removed,
    /// The project deleted it, the template changed it.
    KeptDeleted,
    /// The template has it no longer, but the project changed it.
    KeptChanged,
}

/// The files that the template changed, and what they become.
#[derive(Debug, Default)]
pub(super) struct Merged {
    files: BTreeMap<String, (How, Option<Vec<u8>>)>,
}

impl Merged {
    pub(super) fn conflicts(&self) -> usize {
        self.files.values().filter(|(how, _)| *how == How::Conflict).count()
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = (&str, How)> {
        self.files.iter().map(|(path, (how, _))| (path.as_str(), *how))
    }

    /// What has to be written.
    pub(super) fn changes(&self) -> Changes {
        let written = self.files.iter().filter(|(_, (how, _))| !matches!(how, How::KeptDeleted | How::KeptChanged));
        written.map(|(path, (_, bytes))| (path.clone(), bytes.clone())).collect()
    }
}

/// Merges file by file. `present` reads the project.
pub(super) fn merge(base: &Tree, fresh: &Tree, present: &dyn Fn(&str) -> Option<Vec<u8>>) -> Merged {
    let paths: BTreeSet<_> = base.keys().chain(fresh.keys()).filter(|path| record::is_merged(path)).collect();
    let mut merged = Merged::default();
    for path in paths {
        let (old, new) = (base.get(path), fresh.get(path));
        if old == new {
            continue;
        }
        if let Some(done) = merge_file(old, new, present(path).as_ref()) {
            merged.files.insert(path.clone(), done);
        }
    }
    merged
}

/// One file that the template changed; `None`: the project has it like that already.
fn merge_file(old: Option<&Vec<u8>>, new: Option<&Vec<u8>>, mine: Option<&Vec<u8>>) -> Option<(How, Option<Vec<u8>>)> {
    match (old, new, mine) {
        (_, Some(new), Some(mine)) if new == mine => None,
        (_, None, None) => None,
        (None, Some(new), None) => Some((How::Added, Some(new.clone()))),
        (Some(_), Some(_), None) => Some((How::KeptDeleted, None)),
        (Some(old), None, Some(mine)) if old == mine => Some((How::Removed, None)),
        (_, None, Some(_)) => Some((How::KeptChanged, None)),
        (Some(old), Some(new), Some(mine)) if old == mine => Some((How::Updated, Some(new.clone()))),
        (old, Some(new), Some(mine)) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let old = old.map(|old| text(old)).unwrap_or_default();
            match diffy::MergeOptions::new().set_conflict_style(diffy::ConflictStyle::Merge).merge(
                &old,
                &text(mine),
                &text(new),
            ) {
                Ok(merged) => Some((How::Merged, Some(merged.into_bytes()))),
                Err(marked) => Some((How::Conflict, Some(marked.into_bytes()))),
            }
        }
    }
}

/// Whether a merge before this one is not resolved.
pub(crate) fn has_conflict(text: &str) -> bool {
    ["<<<<<<< ", ">>>>>>> "].iter().all(|mark| text.lines().any(|line| line.starts_with(mark)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
    }

    /// The template goes from `old` to `new`, the project has `mine`; none is written as `-`.
    fn one(old: &str, new: &str, mine: &str) -> Option<(How, Option<String>)> {
        let side = |text: &str| if text == "-" { Tree::new() } else { tree(&[("f", text)]) };
        let mine = side(mine);
        let merged = merge(&side(old), &side(new), &|path| mine.get(path).cloned());
        let (_, (how, bytes)) = merged.files.into_iter().next()?;
        Some((how, bytes.map(|bytes| String::from_utf8(bytes).unwrap())))
    }

    #[test]
    fn each_way_in_which_a_file_can_have_changed() {
        let some = |how, text: &str| Some((how, Some(text.to_owned())));
        assert_eq!(one("a\n", "a\n", "b\n"), None, "the template did not change it");
        assert_eq!(one("a\n", "b\n", "b\n"), None, "the project has it already");
        assert_eq!(one("a\n", "b\n", "a\n"), some(How::Updated, "b\n"));
        assert_eq!(one("-", "b\n", "-"), some(How::Added, "b\n"));
        assert_eq!(one("a\n", "-", "a\n"), Some((How::Removed, None)));
        assert_eq!(one("a\n", "-", "c\n"), Some((How::KeptChanged, None)));
        assert_eq!(one("a\n", "-", "-"), None);
        assert_eq!(one("a\n", "b\n", "-"), Some((How::KeptDeleted, None)));
        assert_eq!(
            one("1\n2\n3\n4\n5\n", "1\n2\n3\n4\nFIVE\n", "ONE\n2\n3\n4\n5\n"),
            some(How::Merged, "ONE\n2\n3\n4\nFIVE\n")
        );
        let (how, text) = one("a\n", "b\n", "c\n").unwrap();
        let text = text.unwrap();
        assert!(how == How::Conflict && has_conflict(&text) && text.contains("b\n") && text.contains("c\n"), "{text}");
        assert_eq!(one("-", "b\n", "c\n").map(|(how, _)| how), Some(How::Conflict), "both added it");
    }

    #[test]
    fn the_lock_file_and_the_chart_are_not_merged() {
        let merged = merge(&tree(&[("Cargo.lock", "a")]), &tree(&[("Cargo.lock", "b"), ("x.tgz", "c")]), &|_| None);
        assert!(merged.changes().is_empty());
    }
}
