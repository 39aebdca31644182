//! `lameduck new`: the files of a project, written in one go.

use crate::engine::Engine;
use crate::name::Name;
use crate::project::{Choice, Project};
use crate::{record, template, tree};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) name: Name,
    pub(crate) folder: PathBuf,
    pub(crate) engine: Engine,
    pub(crate) with: BTreeSet<Choice>,
    pub(crate) sample: bool,
}

/// Writes the project, and says what to do next.
///
/// # Errors
/// The folder is not empty, or cannot be written; nothing is left behind then.
pub(crate) fn write(request: &Request) -> anyhow::Result<String> {
    let Request { name, folder, engine, with, sample } = request;
    let project = Project { name: name.clone(), engine: engine.clone(), with: with.clone(), sample: *sample };
    let mut files = template::render(&project)?;
    record::add(&project, &mut files)?;
    tree::create(folder, &files)?;
    let shown = std::env::current_dir().ok().and_then(|here| folder.strip_prefix(here).ok().map(PathBuf::from));
    let shown = shown.unwrap_or_else(|| folder.clone());
    let shown = if shown.as_os_str().is_empty() { PathBuf::from(".") } else { shown };
    Ok(format!(
        "{} files in {}; the engine is {engine}.\n\n    cd {}\n    make run      # ports 8080 and 8081, the status page is http://localhost:8081/\n    \
         make test     # its routes, and a restart under load\n    make demo     # three replicas restarted under load, next to a control that loses",
        files.len(),
        shown.display(),
        shown.display()
    ))
}
