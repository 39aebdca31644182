//! Where the engine comes from: a version of the registry, a checkout, or a git repository.

use crate::VERSION;
use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The source of the engine's crates, as `.lameduck.toml` keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Engine {
    /// A version of the registry.
    Version(String),
    /// A checkout; relative to the project, or absolute.
    Path(PathBuf),
    /// A repository, with a tag.
    Git {
        /// Its address.
        url: String,
        /// The tag; without one: its default branch.
        #[serde(skip_serializing_if = "Option::is_none")]
        tag: Option<String>,
    },
}

impl Engine {
    /// Reads `0.2.0`, a path, or a git URL with an optional `#TAG`. A path is seen from the present folder and kept as
    /// the project sees it.
    ///
    /// # Errors
    /// The path is not a checkout of the engine.
    pub(crate) fn parse(text: &str, project: &Path) -> anyhow::Result<Self> {
        let is_version = text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-+".contains(c));
        if is_version {
            return Ok(Self::Version(text.to_owned()));
        }
        let (address, tag) =
            text.split_once('#').map_or((text, None), |(address, tag)| (address, Some(tag.to_owned())));
        if address.contains("://") || address.starts_with("git@") {
            return Ok(Self::Git { url: address.to_owned(), tag });
        }
        let checkout = std::fs::canonicalize(text)
            .with_context(|| format!("--engine {text}: expected a version, a checkout of the engine, or a git URL"))?;
        ensure!(
            is_checkout(&checkout),
            "--engine {text}: crates/lameduck is not there; expected a checkout of the engine"
        );
        Ok(Self::Path(seen_from(project, &checkout)))
    }

    /// The checkout that this program was built from, if it is one that a person has; else its own version.
    pub(crate) fn default_for(project: &Path) -> Self {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().ok();
        // `cargo install --git` builds in a folder of Cargo, which a project cannot depend on for long.
        let of_cargo =
            |path: &Path| path.components().any(|part| part.as_os_str() == ".cargo" || part.as_os_str() == "registry");
        match checkout.filter(|checkout| is_checkout(checkout) && !of_cargo(checkout)) {
            Some(checkout) => Self::Path(seen_from(project, &checkout)),
            None => Self::Version(VERSION.to_owned()),
        }
    }

    /// The same source at another version of the engine: what names the version before names the other then.
    pub(crate) fn at(&self, before: &str, version: &str) -> Self {
        match self {
            Self::Version(named) if named == before => Self::Version(version.to_owned()),
            Self::Git { url, tag: Some(tag) } if tag == before || tag.strip_prefix('v') == Some(before) => {
                Self::Git { url: url.clone(), tag: Some(tag.replace(before, version)) }
            }
            Self::Version(_) | Self::Path(_) | Self::Git { .. } => self.clone(),
        }
    }

    /// The part of a dependency in Cargo.toml that says where `package` is: `path = "…"`.
    pub(crate) fn dependency(&self, package: &str) -> String {
        match self {
            Self::Version(version) => format!("version = {version:?}"),
            Self::Path(path) => {
                let folder = package.strip_prefix("lameduck-").unwrap_or(package);
                format!("path = {:?}", format!("{}/crates/{folder}", slashes(path)))
            }
            Self::Git { url, tag: Some(tag) } => format!("git = {url:?}, tag = {tag:?}"),
            Self::Git { url, tag: None } => format!("git = {url:?}"),
        }
    }

    /// What `cargo install` needs to find a program of the engine, and its package.
    pub(crate) fn install(&self, package: &str) -> String {
        match self {
            Self::Version(version) => format!("--version {version} {package}"),
            Self::Path(path) => format!("--path {}/crates/{}", slashes(path), package.trim_start_matches("lameduck-")),
            Self::Git { url, tag: Some(tag) } => format!("--git {url} --tag {tag} {package}"),
            Self::Git { url, tag: None } => format!("--git {url} {package}"),
        }
    }
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(version) => write!(f, "version {version}"),
            Self::Path(path) => write!(f, "the checkout {}", path.display()),
            Self::Git { url, tag: Some(tag) } => write!(f, "{url}, {tag}"),
            Self::Git { url, tag: None } => write!(f, "{url}"),
        }
    }
}

fn is_checkout(path: &Path) -> bool {
    path.join("crates/lameduck/Cargo.toml").is_file()
}

/// Relative if the project lies next to the checkout or below that folder: both may then be moved together.
fn seen_from(project: &Path, checkout: &Path) -> PathBuf {
    // The project's folder may not exist yet, but the one around it does.
    let project = project.canonicalize().unwrap_or_else(|_| {
        match (project.parent().map(Path::canonicalize), project.file_name()) {
            (Some(Ok(around)), Some(name)) => around.join(name),
            _ => project.to_owned(),
        }
    });
    let Some(around) = checkout.parent().filter(|around| around.parent().is_some()) else { return checkout.to_owned() };
    match project.strip_prefix(around) {
        Ok(below) if !project.starts_with(checkout) => {
            let up: PathBuf = below.components().map(|_| "..").collect();
            up.join(checkout.file_name().unwrap_or_default())
        }
        _ => checkout.to_owned(),
    }
}

/// A path as Cargo and make want it, on every system.
fn slashes(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upgrade_moves_what_names_the_version_before() {
        let git = |tag: &str| Engine::Git { url: "u".to_owned(), tag: Some(tag.to_owned()) };
        assert_eq!(Engine::Version("0.1.0".to_owned()).at("0.1.0", "0.2.0"), Engine::Version("0.2.0".to_owned()));
        assert_eq!(git("v0.1.0").at("0.1.0", "0.2.0"), git("v0.2.0"));
        for other in [git("main"), Engine::Path("../x".into()), Engine::Version("0.1.5".to_owned())] {
            assert_eq!(other.at("0.1.0", "0.2.0"), other);
        }
    }

    #[test]
    fn a_source_is_recognised_by_its_shape() {
        let parse = |text| Engine::parse(text, Path::new("/p"));
        assert_eq!(parse("0.2.0").unwrap(), Engine::Version("0.2.0".to_owned()));
        let git = parse("https://example.com/lameduck.git#v0.2.0").unwrap();
        assert_eq!(git.dependency("lameduck"), r#"git = "https://example.com/lameduck.git", tag = "v0.2.0""#);
        assert_eq!(git.install("lameduck-drill"), "--git https://example.com/lameduck.git --tag v0.2.0 lameduck-drill");
        let error = format!("{:#}", parse("/nowhere/lameduck").unwrap_err());
        assert!(error.contains("--engine /nowhere/lameduck"), "{error}");
        let error = format!("{:#}", parse("/").unwrap_err());
        assert!(error.contains("crates/lameduck is not there"), "{error}");
    }

    #[test]
    fn a_checkout_next_to_the_project_is_named_relative_to_it() {
        let seen = |project: &str| seen_from(Path::new(project), Path::new("/home/u/lameduck"));
        assert_eq!(seen("/home/u/orders"), Path::new("../lameduck"));
        assert_eq!(seen("/home/u/services/orders"), Path::new("../../lameduck"));
        assert_eq!(seen("/tmp/orders"), Path::new("/home/u/lameduck"));
        assert_eq!(
            Engine::Path("../lameduck".into()).dependency("lameduck-testing"),
            r#"path = "../lameduck/crates/testing""#
        );
    }
}
