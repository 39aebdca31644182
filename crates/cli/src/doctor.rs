//! `lameduck doctor`: what is stale, missing or contradictory in a project, each with its remedy.

mod exit;
mod facts;
mod image;
mod versions;

use facts::Facts;
use std::path::Path;

/// Something that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The file, or the file and the key.
    place: String,
    what: String,
    remedy: String,
}

impl Finding {
    fn new(place: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into(), remedy: remedy.into() }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { place, what, remedy } = self;
        write!(f, "{place}: {what}\n    -> {remedy}")
    }
}

/// Looks at a project, and changes nothing.
///
/// # Errors
/// It is not a project that `lameduck new` made, or a file of it cannot be read as what it is.
pub(crate) fn examine(folder: &Path) -> anyhow::Result<Vec<Finding>> {
    let facts = Facts::read(folder)?;
    let mut findings = versions::check(&facts);
    findings.extend(exit::check(&facts));
    findings.extend(image::check(&facts));
    Ok(findings)
}
