//! Which lines are written: by level, which can be changed while the process runs, and by how many there are.

use super::NotAFilter;
use super::queue::Queue;
use super::rate::{Limiter, Verdict};
use crate::options::{ACCESS, normalized};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::{Interest, Subscriber};
use tracing::{Event, Metadata};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

/// The filter by level.
#[derive(Debug)]
pub(super) struct Level(RwLock<(String, Targets)>);

impl Level {
    pub(super) fn new(text: &str) -> Result<Self, NotAFilter> {
        Ok(Self(RwLock::new(read(text)?)))
    }

    pub(super) fn text(&self) -> String {
        self.with(|(text, _)| text.clone())
    }

    pub(super) fn set(&self, text: &str) -> Result<(), NotAFilter> {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = read(text)?;
        Ok(())
    }

    fn with<T>(&self, read: impl FnOnce(&(String, Targets)) -> T) -> T {
        read(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn read(text: &str) -> Result<(String, Targets), NotAFilter> {
    let text = normalized(text).ok_or(NotAFilter)?;
    let targets = text.parse().map_err(|_| NotAFilter)?;
    Ok((text, targets))
}

/// The filter of the log's layer.
pub(super) struct Gate(pub(super) Arc<Level>);

impl<S> Filter<S> for Gate {
    fn enabled(&self, metadata: &Metadata<'_>, cx: &Context<'_, S>) -> bool {
        self.0.with(|(_, targets)| Filter::<S>::enabled(targets, metadata, cx))
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.0.with(|(_, targets)| Filter::<S>::callsite_enabled(targets, metadata))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.0.with(|(_, targets)| Filter::<S>::max_level_hint(targets))
    }
}

/// Writes no more of a flood than the limiter lets pass, with the format `F`. (A filter of `tracing-subscriber` cannot
/// do it: after one that refuses an event by `event_enabled`, the next event is refused, too.)
pub(super) struct Bounded<F> {
    pub(super) format: F,
    /// `None`: no bound.
    pub(super) limiter: Option<Arc<Limiter>>,
    pub(super) queue: Queue,
}

/// Lines of which a client or a broken peer can cause any number.
fn is_bounded(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= tracing::Level::WARN || metadata.target() == ACCESS
}

impl<F> Bounded<F> {
    fn passes(&self, metadata: &'static Metadata<'static>) -> bool {
        let Some(limiter) = self.limiter.as_ref().filter(|_| is_bounded(metadata)) else { return true };
        match limiter.admit(metadata, Instant::now()) {
            Verdict::Pass => true,
            Verdict::Hold => false,
            Verdict::HoldFirst => {
                self.queue.expect_held();
                false
            }
        }
    }
}

impl<S, N, F> FormatEvent<S, N> for Bounded<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, cx: &FmtContext<'_, S, N>, writer: Writer<'_>, event: &Event<'_>) -> std::fmt::Result {
        // An empty line is not handed over.
        if self.passes(event.metadata()) { self.format.format_event(cx, writer, event) } else { Ok(()) }
    }
}
