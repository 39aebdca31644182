//! Lines of the log about itself. They do not come by `tracing`: they are made by the thread that writes.

use super::json::Json;
use super::pretty;
use super::queue::Notices;
use super::rate::{Held, Limiter};
use crate::options::ACCESS;
use std::sync::Arc;
use std::time::Instant;
use tracing::Level;

/// A line of the log about itself.
pub(super) struct Notice<'a> {
    pub(super) level: Level,
    pub(super) target: &'a str,
    pub(super) message: String,
    /// The number in the message, for machines.
    pub(super) counted: (&'static str, u64),
}

/// Writes notices in the format of the log.
pub(super) struct Clerk {
    /// `None`: the format is pretty.
    pub(super) json: Option<Json>,
    pub(super) limiter: Option<Arc<Limiter>>,
}

impl Clerk {
    fn line(&self, notice: &Notice<'_>) -> Vec<u8> {
        match &self.json {
            Some(json) => json.notice(notice),
            None => pretty::notice(notice),
        }
        .into_bytes()
    }

    fn held(&self, held: &Held, rate: u32) -> Vec<u8> {
        let Held { count, metadata } = held;
        let (level, target) = (*metadata.level(), metadata.target());
        let lines = match level {
            _ if target == ACCESS => "access lines",
            Level::ERROR => "errors",
            _ => "warnings",
        };
        let from = if target == ACCESS { String::new() } else { format!(" of {target}") };
        let message = format!("{count} more {lines}{from} were not written: more than log.rate ({rate}) in a second");
        self.line(&Notice { level, target, message, counted: ("held", *count) })
    }
}

impl Notices for Clerk {
    fn dropped(&self, count: u64) -> Vec<u8> {
        let message = format!("{count} lines of the log were dropped here: it was not read fast enough");
        self.line(&Notice { level: Level::WARN, target: "lameduck::log", message, counted: ("dropped", count) })
    }

    fn held(&self, now: Instant, all: bool) -> (Vec<Vec<u8>>, Option<Instant>) {
        let Some(limiter) = &self.limiter else { return (Vec::new(), None) };
        let (held, next) = limiter.take_held(now, all);
        (held.iter().map(|held| Self::held(self, held, limiter.rate())).collect(), next)
    }
}
