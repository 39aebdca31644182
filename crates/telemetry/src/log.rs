//! Setting up `tracing` for the process.

mod json;
mod queue;

use crate::options::{Format, Options};
use anyhow::Context as _;
use json::Json;
use queue::Queue;
use std::io::{IsTerminal as _, Write};
use std::time::Duration;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry};

/// What must be told before the process ends.
#[derive(Debug)]
#[must_use = "lines that still wait are lost unless somebody calls `flush` at the end"]
pub struct Guard {
    queue: Queue,
}

/// Sets up `tracing` for the process; lines go to standard output.
///
/// # Errors
/// If `options.level` is no filter, if the process has no thread to give, or if it was set up before.
pub fn init(options: &Options) -> anyhow::Result<Guard> {
    let queue = Queue::start(std::io::stdout()).context("cannot start the thread that writes the log")?;
    let terminal = std::io::stdout().is_terminal();
    layer(options, terminal, queue.clone())
        .map(|layer| Registry::default().with(layer))?
        .try_init()
        .context("logging is set up twice in one process")?;
    Ok(Guard { queue })
}

impl Guard {
    /// Waits until every line so far is written, at most `within`. Says whether it is: a reader that has stopped reading keeps
    /// nobody from ending.
    pub fn flush(&self, within: Duration) -> bool {
        self.queue.flush(within)
    }

    /// Lines that were dropped because nobody read the log fast enough.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped_ever()
    }
}

/// Everything but making it the process's own, so that a test can have as many as it likes.
fn layer(options: &Options, terminal: bool, queue: Queue) -> anyhow::Result<Box<dyn Layer<Registry> + Send + Sync>> {
    let filter: Targets = options.level.parse().with_context(|| format!("log.level: {:?}", options.level))?;
    let pretty = match options.format {
        Format::Auto => terminal,
        Format::Pretty => true,
        Format::Json => false,
    };
    let layer = fmt::layer().with_writer(Lines(queue));
    Ok(if pretty {
        layer.with_ansi(terminal).with_target(false).with_timer(TimeOfDay).with_filter(filter).boxed()
    } else {
        let json = Json { service: options.service.clone() };
        layer.with_ansi(false).event_format(json).with_filter(filter).boxed()
    })
}

/// `12:34:56.789`, UTC: whoever looks at a terminal knows the day.
struct TimeOfDay;

impl FormatTime for TimeOfDay {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        writer.write_str(timestamp.get(11..23).unwrap_or(&timestamp))
    }
}

/// Gathers what is written of one event, and hands it over as a whole.
struct Lines(Queue);

struct Line<'a> {
    queue: &'a Queue,
    bytes: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { queue: &self.0, bytes: Vec::new() }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if !self.bytes.is_empty() {
            self.queue.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests;
