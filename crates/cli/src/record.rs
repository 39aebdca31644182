//! What a project remembers of its making: `.lameduck.toml` and the template as it was, `.lameduck/base.tar.gz`.

use crate::VERSION;
use crate::archive;
use crate::engine::Engine;
use crate::name::Name;
use crate::project::{Choice, Project};
use crate::tree::Tree;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The record, for people too.
pub(crate) const FILE: &str = ".lameduck.toml";

/// The files as the template wrote them: the base of the next merge.
pub(crate) const BASE: &str = ".lameduck/base.tar.gz";

/// Written by Cargo or replaced as a whole: never merged.
pub(crate) fn is_merged(path: &str) -> bool {
    path != "Cargo.lock" && !path.ends_with(".tgz") && path != BASE && path != FILE
}

const HEAD: &str = "\
# How this project was made. `lameduck upgrade` and `lameduck doctor` read it, together with .lameduck/base.tar.gz, the files as the
# template wrote them.
";

/// The contents of `.lameduck.toml`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// The service.
    pub(crate) name: String,
    /// The version of the template.
    pub(crate) template: String,
    /// The choices.
    pub(crate) with: BTreeSet<Choice>,
    /// Whether the sample's routes are in it.
    pub(crate) sample: bool,
    /// Where the engine comes from.
    pub(crate) engine: Engine,
}

impl Record {
    /// Reads `.lameduck.toml`.
    ///
    /// # Errors
    /// It says where it is wrong.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        toml::from_str(text).with_context(|| format!("{FILE} cannot be read"))
    }

    /// The project that it describes.
    ///
    /// # Errors
    /// The name is none.
    pub(crate) fn project(&self) -> anyhow::Result<Project> {
        let name = Name::parse(&self.name).with_context(|| format!("{FILE}: name"))?;
        Ok(Project { name, engine: self.engine.clone(), with: self.with.clone(), sample: self.sample })
    }
}

/// Adds the record to the files that the template has written.
///
/// # Errors
/// None that is known: all paths are short, all values are plain.
pub(crate) fn add(project: &Project, files: &mut Tree) -> anyhow::Result<()> {
    let base: Tree =
        files.iter().filter(|(path, _)| is_merged(path)).map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
    let record = Record {
        name: project.name.as_str().to_owned(),
        template: VERSION.to_owned(),
        with: project.with.clone(),
        sample: project.sample,
        engine: project.engine.clone(),
    };
    let text = format!("{HEAD}{}", toml::to_string(&record).context("the record cannot be written")?);
    files.insert(FILE.to_owned(), text.into_bytes());
    files.insert(BASE.to_owned(), archive::pack("", &base)?);
    Ok(())
}
