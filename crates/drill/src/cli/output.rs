//! Where results go: the options that all drills share.

use std::path::PathBuf;

use clap::Args;

use crate::plan::{Outputs, Progress};

/// Where results go.
#[derive(Debug, Args)]
pub(crate) struct OutputOptions {
    /// Write the results as JSON (versioned; see docs/drill.md).
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) json: Option<PathBuf>,
    /// Write the results as one HTML page.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) html: Option<PathBuf>,
    /// How to show that the drill is alive.
    #[arg(long, value_enum, default_value = "auto", help_heading = "Output")]
    pub(crate) progress: Progress,
}

impl OutputOptions {
    /// The outputs.
    pub(crate) fn outputs(&self) -> Outputs {
        Outputs { json: self.json.clone(), html: self.html.clone(), progress: self.progress }
    }
}
