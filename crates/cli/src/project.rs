//! What was chosen for a project: all that its files depend on.

use crate::engine::Engine;
use crate::name::Name;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a service may have beyond the minimum. To add one: a variant, and regions of its name in the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Choice {
    /// TLS at the work ports (`tls.*`).
    Tls,
    /// Spans of requests and of the exit, by OTLP (`traces.*`).
    Traces,
    /// gRPC on its own port: a file in `proto/`, its code made by `build.rs`.
    Grpc,
    /// PostgreSQL as a dependency: `dependencies: {NAME: {postgres: URL}}`.
    Postgres,
    /// Redis as a dependency: `dependencies: {NAME: {redis: URL}}`.
    Redis,
    /// An object store as a dependency: `dependencies: {NAME: {s3: URL}}`.
    S3,
}

impl Choice {
    /// Its name in regions, on the command line, and in the record; a feature of the engine has the same.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Traces => "traces",
            Self::Grpc => "grpc",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::S3 => "s3",
        }
    }

    /// The type, for a kind of dependency; its feature of `lameduck-dependencies` is called as the choice.
    pub(crate) fn kind(self) -> Option<&'static str> {
        match self {
            Self::Tls | Self::Traces | Self::Grpc => None,
            Self::Postgres => Some("lameduck_dependencies::Postgres"),
            Self::Redis => Some("lameduck_dependencies::redis::Redis"),
            Self::S3 => Some("lameduck_dependencies::s3::S3"),
        }
    }
}

/// A project: its name and its choices.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) name: Name,
    pub(crate) engine: Engine,
    pub(crate) with: BTreeSet<Choice>,
    pub(crate) sample: bool,
}

impl Project {
    /// Whether it has what a region, a file or a replacement of the template is for.
    ///
    /// # Panics
    /// If the template uses a word that is none of these.
    pub(crate) fn has(&self, word: &str) -> bool {
        let by_path = matches!(self.engine, Engine::Path(_));
        match word {
            // Never copied: it is about this repository.
            "repository" => false,
            "sample" => self.sample,
            "path" => by_path,
            "installed" => !by_path,
            "cluster" => true,
            _ => {
                let choice = Choice::value_variants().iter().find(|choice| choice.as_str() == word);
                self.with
                    .contains(choice.unwrap_or_else(|| panic!("the template has a region {word}, which is no choice")))
            }
        }
    }
}
