//! Cargo.toml of a project from that of this repository: a workspace becomes a package on its own.

use crate::project::Project;
use anyhow::Context;
use toml::{Table, Value};

/// Sections that are the workspace's alone.
const DROPPED: [&str; 4] = ["[workspace]", "[workspace.package]", "[workspace.dependencies]", "[lints]"];

/// Rewrites the manifest, line by line, so that comments stay.
///
/// # Errors
/// The manifest is not what this expects: a test of each project shows that it is.
pub(super) fn of_project(text: &str, project: &Project) -> anyhow::Result<String> {
    let parsed: Table = toml::from_str(text).context("the root's Cargo.toml")?;
    let workspace = parsed["workspace"].as_table().context("[workspace]")?;
    let shared = workspace["dependencies"].as_table().context("[workspace.dependencies]")?;
    let package = workspace["package"].as_table().context("[workspace.package]")?;

    let (mut sections, mut lints) = (Vec::new(), Vec::new());
    for Section { comment, header, lines } in split(text) {
        if DROPPED.contains(&header) {
            continue;
        }
        let lint = header.strip_prefix("[workspace.lints.").map(|lint| format!("[lints.{lint}"));
        let mut out: Vec<_> = comment.into_iter().map(str::to_owned).collect();
        out.push(lint.clone().unwrap_or_else(|| header.to_owned()));
        for line in lines {
            let pair = line.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
            let pair = pair.filter(|(key, _)| !key.starts_with('#'));
            let line = match pair {
                Some((name, value)) if header.ends_with("dependencies]") => {
                    Some(dependency(name, value, shared, project)?)
                }
                Some((key, value)) if header == "[features]" => Some(feature(key, value, project)),
                Some((key, value)) if header == "[package]" => about(key, value, package, project),
                _ => Some(line.to_owned()),
            };
            out.extend(line);
        }
        if header == "[dependencies]" {
            add_choices(&mut out, shared, project)?;
        }
        let text = out.join("\n").trim().to_owned();
        if lint.is_some() { lints.push(text) } else { sections.push((header, text)) }
    }
    // The lints before the profiles.
    let profiles = sections.iter().position(|(header, _)| header.starts_with("[profile")).unwrap_or(sections.len());
    let mut all: Vec<_> = sections.into_iter().map(|(_, text)| text).collect();
    all.splice(profiles..profiles, build_dependencies(shared, project)?.into_iter().chain(lints));
    Ok(all.join("\n\n") + "\n")
}

/// What choices need beyond the root's own list: crates that the code uses, and crates that `build.rs` uses.
const GRPC: [&str; 4] = ["lameduck-grpc", "prost", "tonic", "tonic-prost"];
const GRPC_BUILD: [&str; 2] = ["protox", "tonic-prost-build"];

/// Adds the crates of the choices; the list stays sorted.
fn add_choices(lines: &mut Vec<String>, shared: &Table, project: &Project) -> anyhow::Result<()> {
    let mut added = Vec::new();
    let kinds = project.with.iter().filter(|choice| choice.kind().is_some());
    let kinds: Vec<_> = kinds.map(|choice| format!("{:?}", choice.as_str())).collect();
    if !kinds.is_empty() {
        let source = project.engine.dependency("lameduck-dependencies");
        added.push(format!("lameduck-dependencies = {{ {source}, features = [{}] }}", kinds.join(", ")));
    }
    if project.has("grpc") {
        for name in GRPC {
            added.push(dependency(name, "{ workspace = true }", shared, project)?);
        }
    }
    let name_of = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    for line in added {
        let before =
            |other: &String| !other.starts_with(['[', '#']) && (other.is_empty() || name_of(other) > name_of(&line));
        let at = lines.iter().position(before).unwrap_or(lines.len());
        lines.insert(at, line);
    }
    Ok(())
}

/// `[build-dependencies]`, if the project has a `build.rs`.
fn build_dependencies(shared: &Table, project: &Project) -> anyhow::Result<Option<String>> {
    if !project.has("grpc") {
        return Ok(None);
    }
    let lines: anyhow::Result<Vec<_>> =
        GRPC_BUILD.iter().map(|name| dependency(name, "{ workspace = true }", shared, project)).collect();
    Ok(Some(format!("[build-dependencies]\n{}", lines?.join("\n"))))
}

struct Section<'t> {
    /// The lines right above the header.
    comment: Vec<&'t str>,
    header: &'t str,
    lines: Vec<&'t str>,
}

fn split(text: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    let mut comment = Vec::new();
    let mut after_blank = true;
    for line in text.lines() {
        if line.starts_with('[') {
            sections.push(Section { comment: std::mem::take(&mut comment), header: line, lines: Vec::new() });
        } else if line.starts_with('#') && (after_blank || !comment.is_empty()) {
            comment.push(line);
        } else if let Some(last) = sections.last_mut() {
            last.lines.append(&mut comment);
            last.lines.push(line);
        }
        after_blank = line.trim().is_empty();
    }
    sections
}

/// `name = { workspace = true, … }` with what the workspace says about it.
fn dependency(name: &str, value: &str, shared: &Table, project: &Project) -> anyhow::Result<String> {
    let own: Value =
        toml::from_str::<Table>(&format!("value = {value}")).with_context(|| name.to_owned())?["value"].clone();
    let own_features = features(own.get("features"));
    let general = &shared[name];
    if name.starts_with("lameduck") {
        let source = project.engine.dependency(name);
        let defaults = if name == "lameduck" { ", default-features = false" } else { "" };
        return Ok(format!("{name} = {{ {source}{defaults} }}"));
    }
    let version =
        general.as_str().or_else(|| general.get("version")?.as_str()).with_context(|| format!("{name}: version"))?;
    let mut all = features(general.get("features"));
    all.extend(own_features);
    let mut parts = vec![format!("version = {version:?}")];
    if general.get("default-features").and_then(Value::as_bool) == Some(false) {
        parts.push("default-features = false".to_owned());
    }
    if !all.is_empty() {
        let all: Vec<_> = all.iter().map(|feature| format!("{feature:?}")).collect();
        parts.push(format!("features = [{}]", all.join(", ")));
    }
    Ok(if parts.len() == 1 { format!("{name} = {version:?}") } else { format!("{name} = {{ {} }}", parts.join(", ")) })
}

fn features(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|feature| feature.as_str().map(str::to_owned)).collect()
}

/// `default` has those features that the project has. gRPC is none: a project has it, or does not.
fn feature(key: &str, value: &str, project: &Project) -> String {
    if key != "default" {
        return format!("{key} = {value}");
    }
    let list = value.trim_matches(['[', ']']).split(',').map(|feature| feature.trim().trim_matches('"'));
    let kept: Vec<_> = list
        .filter(|feature| !feature.is_empty() && *feature != "grpc" && project.has(feature))
        .map(|feature| format!("{feature:?}"))
        .collect();
    format!("default = [{}]", kept.join(", "))
}

/// A line of `[package]`, or none.
fn about(key: &str, value: &str, package: &Table, project: &Project) -> Option<String> {
    match key {
        "name" => Some(format!("name = {:?}", project.name.as_str())),
        "version.workspace" => Some("version = \"0.1.0\"".to_owned()),
        "edition.workspace" | "rust-version.workspace" => {
            let key = key.trim_end_matches(".workspace");
            Some(format!("{key} = {}", package.get(key)?))
        }
        "publish" => Some(format!("publish = {value}")),
        "description" => Some(format!("description = {value}")),
        _ => None,
    }
}
