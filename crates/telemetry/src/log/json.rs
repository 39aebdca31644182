//! One event as one JSON object on one line.

mod ecs;
mod object;

use super::notices::Notice;
use crate::context::Context;
use crate::options::Options;
use object::Object;
use std::fmt::{Debug, Error, Result, Write};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Names that the line itself uses: a field of that name gets an underscore.
const TAKEN: [&str; 5] = ["timestamp", "level", "service", "target", "spans"];

type Began<'w> = std::result::Result<Object<'w>, Error>;

/// How the fields are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schema {
    /// `{"timestamp", "level", "service", "target", "message", fields…, "request_id", "trace_id", "span_id", "spans"}`.
    Plain,
    /// The Elastic Common Schema.
    Ecs,
}

/// Writes events as objects. Fields keep their types.
#[derive(Clone, Debug)]
pub(super) struct Json {
    schema: Schema,
    /// What is the same in each line, from the service's name on.
    service: String,
}

impl Json {
    pub(super) fn new(schema: Schema, options: &Options) -> Self {
        let mut service = String::new();
        let mut object = Object::inside(&mut service);
        let written = match schema {
            Schema::Plain => object.text("service", &options.service),
            Schema::Ecs => ecs::service(&mut object, options),
        };
        debug_assert!(written.is_ok());
        Self { schema, service }
    }

    fn head<'w>(&self, out: &'w mut dyn Write, level: tracing::Level, target: &str) -> Began<'w> {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let level = match level {
            tracing::Level::ERROR => "error",
            tracing::Level::WARN => "warn",
            tracing::Level::INFO => "info",
            tracing::Level::DEBUG => "debug",
            tracing::Level::TRACE => "trace",
        };
        let names = match self.schema {
            Schema::Plain => ["timestamp", "level", "target"],
            Schema::Ecs => ["@timestamp", "log.level", "log.logger"],
        };
        let mut object = Object::begin(out)?;
        object.text(names[0], &timestamp)?;
        object.text(names[1], level)?;
        object.members(&self.service)?;
        object.text(names[2], target)?;
        Ok(object)
    }

    fn ids(&self, object: &mut Object<'_>, own: Ids) -> Result {
        let names = match self.schema {
            Schema::Plain => ["request_id", "trace_id", "span_id"],
            Schema::Ecs => ["http.request.id", "trace.id", "span.id"],
        };
        let write = |context: &Context| {
            let id = context.request_id();
            if !own.request && !id.is_empty() {
                object.text(names[0], id)?;
            }
            if let (false, Some(trace)) = (own.trace, &context.trace) {
                object.display(names[1], format_args!("{:032x}", trace.trace_id))?;
                object.display(names[2], format_args!("{:016x}", trace.span_id))?;
            }
            Ok(())
        };
        Context::with(write).unwrap_or(Ok(()))
    }

    /// A line of the log about itself.
    pub(super) fn notice(&self, notice: &Notice<'_>) -> String {
        let mut line = String::new();
        let write = |line: &mut String| {
            let mut object = self.head(line, notice.level, notice.target)?;
            object.text("message", &notice.message)?;
            let (name, count) = notice.counted;
            match self.schema {
                Schema::Plain => object.raw(name, count)?,
                Schema::Ecs => object.raw(&ecs::name(notice.target, name), count)?,
            }
            object.end()
        };
        let written: Result = write(&mut line);
        debug_assert!(written.is_ok());
        line
    }
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, cx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> Result {
        let target = event.metadata().target();
        let mut object = self.head(&mut writer, *event.metadata().level(), target)?;
        let mut fields = Fields { schema: self.schema, target, object, own: Ids::default(), written: Ok(()) };
        event.record(&mut fields);
        fields.written?;
        let own = fields.own;
        object = fields.object;
        self.ids(&mut object, own)?;
        if let Some(scope) = cx.event_scope() {
            let name = if self.schema == Schema::Plain { "spans" } else { "app.spans" };
            let mut spans = object.array(name)?;
            for span in scope.from_root() {
                let extensions = span.extensions();
                let fields = extensions.get::<FormattedFields<N>>().map_or("", |fields| fields.fields.as_str());
                spans.object_with_name(span.name(), fields)?;
            }
            spans.end()?;
        }
        object.end()
    }
}

/// Which ids the event names by itself.
#[derive(Clone, Copy, Default)]
struct Ids {
    request: bool,
    trace: bool,
}

/// Writes each field as it comes: the message first, as `tracing` has it.
struct Fields<'a, 'w> {
    schema: Schema,
    target: &'a str,
    object: Object<'w>,
    own: Ids,
    written: Result,
}

/// A value as it is written.
enum Scalar<'a> {
    Float(f64),
    Signed(i64),
    Unsigned(u64),
    Flag(bool),
    Text(&'a str),
    Debug(&'a dyn Debug),
}

impl Fields<'_, '_> {
    fn put(&mut self, field: &Field, value: &Scalar<'_>) {
        if self.written.is_ok() {
            self.written = self.try_put(field.name(), value);
        }
    }

    fn try_put(&mut self, name: &str, value: &Scalar<'_>) -> Result {
        match name {
            "request_id" => self.own.request = true,
            "trace_id" => self.own.trace = true,
            _ => {}
        }
        if self.schema == Schema::Ecs {
            return ecs::put(&mut self.object, self.target, name, value);
        }
        if TAKEN.contains(&name) {
            return self.object.scalar(&format!("{name}_"), value);
        }
        self.object.scalar(name, value)
    }
}

impl Visit for Fields<'_, '_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, &Scalar::Float(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, &Scalar::Signed(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, &Scalar::Unsigned(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, &Scalar::Flag(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, &Scalar::Text(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, &Scalar::Debug(value));
    }
}
