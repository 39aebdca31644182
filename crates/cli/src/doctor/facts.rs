//! What the files of a project say.

use crate::project::Project;
use crate::record::{self, Record};
use crate::tree::Tree;
use crate::{archive, upgrade};
use anyhow::Context;
use serde_json::Value;
use std::path::{Path, PathBuf};
use toml::Table;

/// Read once, judged by the checks.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) folder: PathBuf,
    pub(super) record: Record,
    pub(super) project: Project,
    /// The files as the template wrote them.
    pub(super) base: Tree,
    pub(super) manifest: Table,
    /// `Cargo.lock`, if it is there.
    pub(super) lock: Option<Table>,
    /// The service's `Chart.yaml`.
    pub(super) chart: Value,
    /// The values of the engine's chart: its defaults with the service's over them.
    pub(super) values: Value,
}

impl Facts {
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let record = upgrade::read_record(folder)?;
        let project = record.project()?;
        let name = project.name.as_str();
        let base = upgrade::read_base(folder)?;
        let manifest = toml::from_str(&read(folder, "Cargo.toml")?).context("Cargo.toml")?;
        let lock = match read(folder, "Cargo.lock") {
            Ok(text) => Some(toml::from_str(&text).context("Cargo.lock")?),
            Err(_) => None,
        };
        let yaml = |path: String| -> anyhow::Result<Value> {
            serde_saphyr::from_str(&read(folder, &path)?).with_context(|| path.clone())
        };
        let chart = yaml(format!("helm/{name}/Chart.yaml"))?;
        let own = yaml(format!("helm/{name}/values.yaml"))?;
        let mut values = defaults(folder, name, &chart).unwrap_or_default();
        overlay(&mut values, &own[name]);
        let folder = folder.to_owned();
        Ok(Self { folder, record, project, base, manifest, lock, chart, values })
    }

    pub(super) fn name(&self) -> &str {
        self.project.name.as_str()
    }

    /// A file of the project as text; empty if it is not there.
    pub(super) fn text(&self, path: &str) -> String {
        read(&self.folder, path).unwrap_or_default()
    }

    /// The engine's chart as Chart.yaml declares it: its version.
    pub(super) fn chart_version(&self) -> Option<&str> {
        dependency(&self.chart)?["version"].as_str()
    }

    /// The paths of all files that are merged by an upgrade.
    pub(super) fn merged(&self) -> impl Iterator<Item = &str> {
        self.base.keys().map(String::as_str).filter(|path| record::is_merged(path))
    }
}

/// The entry of the engine's chart in `dependencies`.
pub(super) fn dependency(chart: &Value) -> Option<&Value> {
    chart["dependencies"].as_array()?.iter().find(|entry| entry["name"] == "lameduck")
}

fn read(folder: &Path, path: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(folder.join(path)).with_context(|| format!("{path} cannot be read"))
}

/// The values.yaml in the engine's chart below `charts/`.
fn defaults(folder: &Path, name: &str, chart: &Value) -> Option<Value> {
    let version = dependency(chart)?["version"].as_str()?;
    let bytes = std::fs::read(folder.join(format!("helm/{name}/charts/lameduck-{version}.tgz"))).ok()?;
    let files = archive::unpack(&bytes).ok()?;
    serde_saphyr::from_slice(files.get("lameduck/values.yaml")?).ok()
}

/// Maps are merged, all else is replaced, as Helm does it.
fn overlay(below: &mut Value, over: &Value) {
    match (below, over) {
        (Value::Object(below), Value::Object(over)) => {
            for (key, value) in over {
                overlay(below.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (below, over) => below.clone_from(over),
    }
}
