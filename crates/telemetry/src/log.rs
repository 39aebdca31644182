//! Setting up `tracing` for the process.

mod gate;
mod json;
mod lines;
mod notices;
mod pretty;
mod queue;
mod rate;

use crate::options::{Format, Options};
use anyhow::Context as _;
use gate::{Bounded, Gate, Level};
use json::{Json, Schema};
use lines::Lines;
use notices::Clerk;
use pretty::Pretty;
use queue::Queue;
use rate::Limiter;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry, fmt};

/// The log of the process. Clones are the same log.
#[derive(Clone, Debug)]
#[must_use = "lines that still wait are lost unless `flush` is called at the end"]
pub struct Guard {
    queue: Queue,
    level: Arc<Level>,
}

/// A text that is not a filter of levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAFilter;

/// Sets up `tracing` for the process; lines go to standard output.
///
/// # Errors
/// If `options.level` is not a filter, if the system refuses the thread, or if `tracing` was set up before.
pub fn init(options: &Options) -> anyhow::Result<Guard> {
    let terminal = std::io::stdout().is_terminal();
    let (layer, guard) = layer(options, terminal, std::io::stdout())?;
    Registry::default().with(layer).try_init().context("logging is set up twice in one process")?;
    Ok(guard)
}

impl Guard {
    /// Waits until every line so far is written, at most `within`. Returns whether it is: a reader that has stopped
    /// reading does not keep the process from ending.
    pub fn flush(&self, within: Duration) -> bool {
        self.queue.flush(within)
    }

    /// Lines that were dropped since the start because the log was not read fast enough.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped_total()
    }

    /// The filter that decides which lines are written, as [`is_filter`](crate::is_filter) takes it.
    pub fn level(&self) -> String {
        self.level.text()
    }

    /// Changes that filter, for lines from now on.
    ///
    /// # Errors
    /// [`NotAFilter`], and nothing is changed.
    pub fn set_level(&self, text: &str) -> Result<(), NotAFilter> {
        self.level.set(text)?;
        tracing::callsite::rebuild_interest_cache();
        Ok(())
    }
}

impl std::fmt::Display for NotAFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("expected off, error, warn, info, debug or trace, also by target: info,lameduck_server=debug")
    }
}

impl std::error::Error for NotAFilter {}

/// What [`layer`] returns: boxed, because its type depends on the format.
type LogLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Everything but making it the process's own, so that a test can have as many as it likes.
fn layer(
    options: &Options,
    terminal: bool,
    out: impl std::io::Write + Send + 'static,
) -> anyhow::Result<(LogLayer, Guard)> {
    let level =
        Level::new(&options.level).map_err(|error| anyhow::anyhow!("log.level {:?}: {error}", options.level))?;
    let level = Arc::new(level);
    let schema = match options.format {
        Format::Auto if terminal => None,
        Format::Pretty => None,
        Format::Auto | Format::Json => Some(Schema::Plain),
        Format::Ecs => Some(Schema::Ecs),
    };
    let json = schema.map(|schema| Json::new(schema, options));
    let limiter = (options.rate > 0).then(|| Arc::new(Limiter::new(options.rate)));
    let clerk = Clerk { json: json.clone(), limiter: limiter.clone() };
    let queue = Queue::start(out, clerk).context("cannot start the thread that writes the log")?;
    let gate = Gate(level.clone());
    let layer = fmt::layer().with_writer(Lines(queue.clone()));
    let layer = match json {
        None => {
            let format = Bounded { format: Pretty::new(terminal), limiter, queue: queue.clone() };
            layer.with_ansi(terminal).event_format(format).with_filter(gate).boxed()
        }
        Some(format) => {
            let format = Bounded { format, limiter, queue: queue.clone() };
            layer.with_ansi(false).fmt_fields(JsonFields::new()).event_format(format).with_filter(gate).boxed()
        }
    };
    Ok((layer, Guard { queue, level }))
}

#[cfg(test)]
mod tests;
