//! `lameduck upgrade`: what the template changed since the project was made, merged into it.

mod merge;

use crate::VERSION;
use crate::engine::Engine;
use crate::project::Project;
use crate::record::{self, Record};
use crate::tree::{self, Changes, Tree};
use crate::{archive, template};
use anyhow::{Context, bail, ensure};
pub(crate) use merge::has_conflict;
use merge::{How, Merged};
use std::path::{Path, PathBuf};

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) folder: PathBuf,
    /// The version to go to, if one was named.
    pub(crate) to: Option<String>,
    pub(crate) engine: Option<Engine>,
    /// Say what would change, and change nothing.
    pub(crate) check: bool,
    /// Although there are changes that are not committed.
    pub(crate) dirty: bool,
}

/// How it ended, with what to print.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) text: String,
    /// Nothing to do, or done without a conflict.
    pub(crate) clean: bool,
}

/// Merges the template of this program into the project.
///
/// # Errors
/// There is no record, something in the project is in the way, or the disk refuses. The project is then as it was.
pub(crate) fn run(request: &Request) -> anyhow::Result<Outcome> {
    let folder = &request.folder;
    let record = read_record(folder)?;
    if let Some(to) = request.to.as_deref().filter(|to| *to != VERSION) {
        let install = record.engine.at(&record.template, to).install("lameduck-cli");
        bail!(
            "--to {to}: this program is {VERSION} and has the template of that version; install the other: cargo install {install}"
        );
    }
    let base = read_base(folder)?;
    let before = record.project()?;
    let engine = request.engine.clone().unwrap_or_else(|| record.engine.at(&record.template, VERSION));
    let project = Project { engine, ..before };
    let mut fresh = template::render(&project)?;
    record::add(&project, &mut fresh)?;

    let present = |path: &str| std::fs::read(folder.join(path)).ok();
    let merged = merge::merge(&base, &fresh, &present);
    let mut changes = merged.changes();
    add_whole_files(folder, &project, &fresh, &mut changes)?;
    if changes.is_empty() {
        return Ok(Outcome { text: format!("nothing to do: the project has the template of {VERSION}"), clean: true });
    }
    let text = describe(&record, &merged, request.check);
    if !request.check {
        ensure_clean(folder, request.dirty, &changes)?;
        tree::change(folder, &changes)?;
    }
    Ok(Outcome { text, clean: !request.check && merged.conflicts() == 0 })
}

/// Reads the record of the project in this folder.
///
/// # Errors
/// There is none.
pub(crate) fn read_record(folder: &Path) -> anyhow::Result<Record> {
    let file = folder.join(record::FILE);
    let text = std::fs::read_to_string(&file).with_context(|| {
        format!("{} cannot be read: run this in a project that `lameduck new` made", file.display())
    })?;
    Record::parse(&text)
}

/// The files as the template wrote them.
///
/// # Errors
/// The archive is not there, or damaged.
pub(crate) fn read_base(folder: &Path) -> anyhow::Result<Tree> {
    let file = folder.join(record::BASE);
    let bytes = std::fs::read(&file)
        .with_context(|| format!("{} cannot be read: restore it from version control", file.display()))?;
    archive::unpack(&bytes).with_context(|| format!("{} is damaged: restore it from version control", file.display()))
}

/// The record, the base and the engine's chart: replaced, not merged.
fn add_whole_files(folder: &Path, project: &Project, fresh: &Tree, changes: &mut Changes) -> anyhow::Result<()> {
    let chart = template::chart_path(project);
    for path in [record::FILE, record::BASE, chart.as_str()] {
        let bytes = fresh.get(path).context("the template is whole")?;
        if std::fs::read(folder.join(path)).ok().as_ref() != Some(bytes) {
            changes.insert(path.to_owned(), Some(bytes.clone()));
        }
    }
    let charts = Path::new(&chart).parent().unwrap_or(Path::new(""));
    for entry in std::fs::read_dir(folder.join(charts)).into_iter().flatten() {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let path = format!("{}/{name}", charts.display());
        if name.starts_with("lameduck-") && name.ends_with(".tgz") && path != chart {
            changes.insert(path, None);
        }
    }
    Ok(())
}

/// A person must be able to see what the upgrade did, and to undo it.
fn ensure_clean(folder: &Path, dirty: bool, changes: &Changes) -> anyhow::Result<()> {
    for path in changes.keys() {
        let text = std::fs::read_to_string(folder.join(path)).unwrap_or_default();
        ensure!(!has_conflict(&text), "{path} has conflict markers from before: resolve them first");
    }
    if dirty || !folder.join(".git").exists() {
        return Ok(());
    }
    let status = std::process::Command::new("git").args(["status", "--porcelain"]).current_dir(folder).output();
    let Ok(status) = status else { return Ok(()) };
    ensure!(
        status.stdout.is_empty(),
        "there are changes that are not committed: commit them first, so that you can see and undo what the upgrade does; or --dirty"
    );
    Ok(())
}

fn describe(record: &Record, merged: &Merged, check: bool) -> String {
    let mut text = format!(
        "template {} -> {VERSION}{}\n",
        record.template,
        if check { ", nothing is written (--check)" } else { "" }
    );
    for (path, how) in merged.lines() {
        let what = match how {
            How::Added => "added",
            How::Updated => "updated",
            How::Merged => "merged with your changes",
            How::Removed => "removed: the template no longer has it",
            How::Conflict => "CONFLICT: look for <<<<<<<; `ours` is yours, `theirs` is the template's",
            How::KeptDeleted => "left out: you deleted it, and the template changed it",
            How::KeptChanged => "kept: the template no longer has it, but you changed it",
        };
        text.push_str(&format!("  {path}: {what}\n"));
    }
    text.push_str(match (check, merged.conflicts()) {
        (true, _) => "\nRun it without --check to write this.",
        (false, 0) => "\nThen: cargo update -p lameduck && make test",
        (false, _) => "\nResolve the conflicts, then: cargo update -p lameduck && make test",
    });
    text
}
