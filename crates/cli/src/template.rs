//! The template: files of this repository, with what is not for the project left out and its name filled in.

mod manifest;
mod regions;

use crate::VERSION;
use crate::archive;
use crate::engine::Engine;
use crate::project::Project;
use crate::tree::Tree;
use anyhow::{Context, ensure};
use std::path::{Component, Path, PathBuf};

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// A file of the template, as `template.list` has it.
#[derive(Debug)]
struct Entry {
    source: &'static str,
    target: &'static str,
    only: Only,
    text: &'static str,
    replace: &'static [(Only, &'static str, &'static str)],
}

/// For which projects.
#[derive(Debug)]
enum Only {
    Always,
    With(&'static str),
    Without(&'static str),
}

impl Only {
    fn holds(&self, project: &Project) -> bool {
        match self {
            Self::Always => true,
            Self::With(word) => project.has(word),
            Self::Without(word) => !project.has(word),
        }
    }
}

/// The files of a project, apart from the record.
///
/// # Errors
/// The template contradicts itself; its tests show that it does not.
pub(crate) fn render(project: &Project) -> anyhow::Result<Tree> {
    let mut files = Tree::new();
    for entry in ENTRIES.iter().filter(|entry| entry.only.holds(project)) {
        let text = text_of(entry, project).with_context(|| format!("template: {}", entry.source))?;
        files.insert(fill(entry.target, project), text.into_bytes());
    }
    let chart: Tree = CHART.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    files.insert(chart_path(project), archive::pack("lameduck", &chart)?);
    Ok(files)
}

/// Where the engine's chart is in the project.
pub(crate) fn chart_path(project: &Project) -> String {
    format!("helm/{}/charts/lameduck-{VERSION}.tgz", project.name.as_str())
}

fn text_of(entry: &Entry, project: &Project) -> anyhow::Result<String> {
    let mut text = regions::apply(entry.text, &|word| project.has(word))?;
    if entry.source == "Cargo.toml" {
        text = manifest::of_project(&text, project)?;
    }
    for (only, from, to) in entry.replace.iter().filter(|(only, ..)| only.holds(project)) {
        ensure!(text.contains(from), "{from:?} is not there any more ({only:?})");
        text = text.replace(from, to);
    }
    Ok(fill(&text, project))
}

/// Fills in what is between two `@`.
fn fill(text: &str, project: &Project) -> String {
    let Project { name, engine, .. } = project;
    let kinds = project.with.iter().filter_map(|choice| choice.kind());
    let kinds: String = kinds.map(|kind| format!("\n        .dependency_kind::<{kind}>()")).collect();
    let mut values = vec![
        ("@kinds@", kinds),
        ("@name@", name.as_str().to_owned()),
        ("@NAME@", name.prefix()),
        ("@snake@", name.snake()),
        ("@Pascal@", name.pascal()),
        ("@version@", VERSION.to_owned()),
        ("@engine_is@", engine.to_string()),
        ("@install_drill@", engine.install("lameduck-drill")),
        ("@install_cli@", engine.install("lameduck-cli")),
    ];
    match engine {
        Engine::Path(path) => values.extend([
            ("@engine@", path.to_string_lossy().replace('\\', "/")),
            ("@engine_in_image@", in_image(path)),
            ("@image_arguments@", " --build-context engine=$(ENGINE)".to_owned()),
        ]),
        Engine::Version(_) | Engine::Git { .. } => values.push(("@image_arguments@", String::new())),
    }
    values.iter().fold(text.to_owned(), |text, (mark, value)| text.replace(mark, value))
}

/// Where Cargo.toml in `/source` looks for the engine.
fn in_image(path: &Path) -> String {
    let outside = path.components().skip_while(|part| matches!(part, Component::ParentDir | Component::RootDir));
    format!("/{}", outside.collect::<PathBuf>().to_string_lossy().replace('\\', "/"))
}

#[cfg(test)]
mod tests;
