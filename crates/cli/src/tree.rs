//! Files of a project in memory, and how they get to the disk: all of them or none.

use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files by their path below the project, with `/`.
pub(crate) type Tree = BTreeMap<String, Vec<u8>>;

/// Writes a new folder: first next to its place, then by one rename.
///
/// # Errors
/// The folder has something in it, or the disk refuses; nothing is left behind then.
pub(crate) fn create(folder: &Path, tree: &Tree) -> anyhow::Result<()> {
    let shown = folder.display();
    match std::fs::read_dir(folder) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                bail!("{shown} is not empty: choose another folder by --dir, or empty it");
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(error).with_context(|| format!("{shown} cannot be used: choose another folder by --dir"));
        }
    }
    let around = folder.parent().context("a project needs a folder around it")?;
    std::fs::create_dir_all(around).with_context(|| format!("{} cannot be created", around.display()))?;
    let new = tempfile::Builder::new()
        .prefix(".lameduck-new-")
        .tempdir_in(around)
        .with_context(|| format!("{} cannot be written", around.display()))?;
    write_below(new.path(), tree)?;
    if folder.exists() {
        // It stays the same folder: a shell may be in it.
        for entry in std::fs::read_dir(new.path())? {
            let entry = entry?;
            std::fs::rename(entry.path(), folder.join(entry.file_name()))
                .with_context(|| format!("{shown} cannot be filled"))?;
        }
        return Ok(());
    }
    set_mode(new.path())?;
    std::fs::rename(new.path(), folder).with_context(|| format!("{shown} cannot be created"))?;
    let _gone: PathBuf = new.keep();
    Ok(())
}

/// Writes files below a folder, with the folders around them.
///
/// # Errors
/// The disk refuses.
pub(crate) fn write_below(folder: &Path, tree: &Tree) -> anyhow::Result<()> {
    for (path, bytes) in tree {
        let path = folder.join(path);
        let shown = || format!("{} cannot be written", path.display());
        std::fs::create_dir_all(path.parent().unwrap_or(folder)).with_context(shown)?;
        std::fs::write(&path, bytes).with_context(shown)?;
    }
    Ok(())
}

/// A temporary folder is for its user alone; a project is as every other folder.
#[cfg(unix)]
fn set_mode(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    // Asks for what a fresh folder gets, whatever the umask is.
    let probe = folder.join(".mode");
    std::fs::create_dir(&probe)?;
    let mode = std::fs::metadata(&probe)?.permissions().mode();
    std::fs::remove_dir(&probe)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode))?;
    Ok(())
}

#[cfg(not(unix))]
fn set_mode(_: &Path) -> anyhow::Result<()> {
    Ok(())
}

/// What a file becomes; `None`: it goes.
pub(crate) type Changes = BTreeMap<String, Option<Vec<u8>>>;

/// Changes files of a folder: all that can fail is done before the first of them, and what fails later is undone.
///
/// # Errors
/// The disk refuses. The folder is then as it was, unless undoing fails as well; the error says so.
pub(crate) fn change(folder: &Path, changes: &Changes) -> anyhow::Result<()> {
    let staged = tempfile::Builder::new()
        .prefix(".lameduck-change-")
        .tempdir_in(folder)
        .context("the project cannot be written")?;
    let (new, old) = (staged.path().join("new"), staged.path().join("old"));
    let written: Tree = changes.iter().filter_map(|(path, bytes)| Some((path.clone(), bytes.clone()?))).collect();
    std::fs::create_dir(&new)?;
    std::fs::create_dir(&old)?;
    write_below(&new, &written)?;
    let mut done = Vec::new();
    for (path, bytes) in changes {
        done.push((path.as_str(), bytes.is_some()));
        if let Err(error) = swap(folder, &new, &old, path, bytes.is_some()) {
            undo(folder, &new, &old, &done)
                .context("the change was not undone: restore the project from version control")?;
            return Err(error.context(format!("{path} cannot be changed; the project is as it was")));
        }
    }
    Ok(())
}

fn swap(folder: &Path, new: &Path, old: &Path, path: &str, is_written: bool) -> anyhow::Result<()> {
    let (place, kept) = (folder.join(path), old.join(path));
    if place.exists() {
        std::fs::create_dir_all(kept.parent().unwrap_or(old))?;
        std::fs::rename(&place, &kept)?;
    }
    if is_written {
        std::fs::create_dir_all(place.parent().unwrap_or(folder))?;
        std::fs::rename(new.join(path), &place)?;
        // A script of the project stays one.
        if let Ok(before) = std::fs::metadata(&kept) {
            std::fs::set_permissions(&place, before.permissions())?;
        }
    }
    Ok(())
}

fn undo(folder: &Path, new: &Path, old: &Path, done: &[(&str, bool)]) -> anyhow::Result<()> {
    for (path, is_written) in done.iter().rev() {
        let (place, kept) = (folder.join(path), old.join(path));
        if kept.exists() {
            std::fs::rename(kept, place)?;
        } else if *is_written && !new.join(path).exists() {
            std::fs::remove_file(place)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_fails_in_the_middle_is_undone() {
        let folder = tempfile::tempdir().unwrap();
        let before = Tree::from([("a".to_owned(), b"1".to_vec()), ("c".to_owned(), b"3".to_vec())]);
        write_below(folder.path(), &before).unwrap();
        // A folder stands where a file of the change has to go.
        std::fs::create_dir_all(folder.path().join("a.d")).unwrap();
        let changes = Changes::from([
            ("a".to_owned(), Some(b"2".to_vec())),
            ("b".to_owned(), Some(b"new".to_vec())),
            ("c".to_owned(), None),
            ("c2/d".to_owned(), Some(b"d".to_vec())),
        ]);
        std::fs::write(folder.path().join("c2"), "a file, no folder").unwrap();
        let error = format!("{:#}", change(folder.path(), &changes).unwrap_err());
        assert!(error.contains("c2/d") && error.contains("as it was"), "{error}");
        for (path, bytes) in &before {
            assert_eq!(&std::fs::read(folder.path().join(path)).unwrap(), bytes, "{path}");
        }
        assert!(!folder.path().join("b").exists());
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| !name.to_string_lossy().starts_with(".lameduck")), "{names:?}");
    }

    #[test]
    fn a_project_is_written_whole_or_not_at_all() {
        let around = tempfile::tempdir().unwrap();
        let folder = around.path().join("x/orders");
        let tree = Tree::from([("src/main.rs".to_owned(), b"fn main() {}".to_vec())]);
        create(&folder, &tree).unwrap();
        assert!(folder.join("src/main.rs").is_file());
        let error = create(&folder, &tree).unwrap_err().to_string();
        assert!(error.contains("is not empty"), "{error}");
        // A path that cannot be: nothing is left.
        let wrong = Tree::from([("a".to_owned(), Vec::new()), ("a/b".to_owned(), Vec::new())]);
        create(&around.path().join("y"), &wrong).unwrap_err();
        assert_eq!(std::fs::read_dir(around.path()).unwrap().count(), 1);
    }
}
