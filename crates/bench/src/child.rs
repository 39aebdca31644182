//! What a server that is measured has to do with the process that measures it: it leaves at SIGTERM, and speaks by
//! lines on its standard output.

use std::io::Write as _;

use anyhow::Context;
use tokio::sync::watch;

pub(crate) async fn until(mut leaving: watch::Receiver<bool>) {
    // The sender lives until it has sent.
    let _ = leaving.wait_for(|leaving| *leaving).await;
}

/// Whoever started this process reads its standard output line by line.
pub(crate) fn say(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}").context("write to the standard output")
}
