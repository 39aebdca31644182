//! Lines for people.

use super::notices::Notice;
use crate::context::Context;
use std::fmt::Write as _;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, format};
use tracing_subscriber::registry::LookupSpan;

/// `12:34:56.789  INFO message field=value request_id=…`.
pub(super) struct Pretty(Format<Full, TimeOfDay>);

impl Pretty {
    /// `ansi`: in colour.
    pub(super) fn new(ansi: bool) -> Self {
        Self(format().with_ansi(ansi).with_target(false).with_timer(TimeOfDay))
    }
}

impl<S, N> FormatEvent<S, N> for Pretty
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, cx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> std::fmt::Result {
        let named = |name| event.metadata().fields().field(name).is_some();
        let id = Context::with(|context| context.request_id().to_owned());
        let Some(id) = id.filter(|id| !id.is_empty() && !named("request_id")) else {
            return self.0.format_event(cx, writer, event);
        };
        let mut line = String::new();
        self.0.format_event(cx, Writer::new(&mut line), event)?;
        writeln!(writer, "{} request_id={id}", line.trim_end_matches('\n'))
    }
}

/// `12:34:56.789`, UTC: the reader of a terminal knows the day.
pub(super) struct TimeOfDay;

impl FormatTime for TimeOfDay {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        writer.write_str(timestamp.get(11..23).unwrap_or(&timestamp))
    }
}

/// A line of the log about itself.
pub(super) fn notice(notice: &Notice<'_>) -> String {
    let mut text = String::new();
    let _ = TimeOfDay.format_time(&mut Writer::new(&mut text));
    let _ = writeln!(text, " {:>5} {}", notice.level.as_str(), notice.message);
    text
}
