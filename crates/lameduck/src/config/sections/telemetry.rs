//! `log` and `traces`: what the process says about itself, and where.

use lameduck_config::{Form, Key, Kind, Section, Value, Values, closest};
use lameduck_server::Interest;
use lameduck_telemetry::Format;
use std::time::Duration;

/// A filter for log lines.
const LEVELS: Form = Form {
    expected: "off, error, warn, info, debug or trace, for single modules as in info,lameduck_server=debug",
    valid: lameduck_telemetry::is_filter,
};

pub(super) const LOG: Section = Section {
    name: "log",
    doc: "Logging: format, level and access log.",
    keys: &[
        Key::new(
            "log.format",
            Kind::Word(&["auto", "pretty", "json", "ecs"]),
            "auto",
            "`auto`: human-readable on a terminal, otherwise one JSON object per line. `ecs`: JSON in the fields of the Elastic Common Schema.",
        ),
        Key::new(
            "log.level",
            Kind::TextWith(LEVELS, likely_levels),
            "info",
            "Minimum log level, global or per module, in any case. `PUT /log/level` on the admin port changes it while the process \
             runs.",
        ),
        Key::new(
            "log.access",
            Kind::Word(&["off", "errors", "slow", "all"]),
            "errors",
            "Access log: `off`; `errors`: 5xx and requests without a response; `slow`: these and requests slower than \
             `log.slow`; `all`.",
        )
        .why("A line for each request costs more than the request."),
        Key::new("log.slow", Kind::TIMEOUT, "1s", "From this duration on a request is slow, for `log.access: slow`."),
        Key::new(
            "log.rate",
            Kind::Count { min: 0, max: 1_000_000 },
            "100",
            "Access lines, warnings and errors that one place in the code may log in a second; the rest is summed up in one line. \
             0: no bound.",
        )
        .why("A client must not be able to fill the log. With `access: all`, set it above the requests per second."),
    ],
};

#[cfg(feature = "traces")]
pub(super) const TRACES: Section = Section {
    name: "traces",
    doc: "Where spans of requests and of the exit go (OTLP). The variables of OpenTelemetry (OTEL_…) count where a key is not set.",
    keys: &[
        Key::new(
            "traces.endpoint",
            Kind::Text(Form {
                expected: "a URL such as http://collector:4317, or empty for none",
                valid: |text| text.is_empty() || text.starts_with("http://") || text.starts_with("https://"),
            }),
            "",
            "The collector. Empty: none, unless OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT names one.",
        ),
        Key::new(
            "traces.protocol",
            Kind::Word(&["grpc", "http/protobuf"]),
            "grpc",
            "How spans travel. Collectors listen for gRPC on port 4317 and for HTTP on port 4318.",
        ),
        Key::new(
            "traces.sample_ratio",
            Kind::Text(Form {
                expected: "a number from 0 to 1, such as 0.01",
                valid: |text| text.parse::<f64>().is_ok_and(|ratio| (0.0..=1.0).contains(&ratio)),
            }),
            "1.0",
            "The share of the traces that begin here which is recorded. A trace that began elsewhere goes by its caller's decision.",
        ),
        Key::new(
            "traces.timeout",
            Kind::TIMEOUT,
            "5s",
            "How long one export may take. At the exit `drain.flush` is the bound.",
        ),
    ],
};

/// Logging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Who reads it.
    pub format: Format,
    /// The minimum level.
    pub level: String,
    /// Which requests get a line.
    pub access: Interest,
    /// Lines of one place in a second.
    pub rate: u32,
}

impl Log {
    pub(super) fn read(values: &Values) -> Self {
        let slow = values.get("log.slow");
        Self {
            format: values.get_by("log.format", format),
            level: values.get("log.level"),
            access: values.get_by("log.access", |value| access(value, slow)),
            rate: values.get("log.rate"),
        }
    }
}

/// Levels of `log.level`, and what else people call them.
const LEVEL_NAMES: [(&str, &str); 13] = [
    ("off", "off"),
    ("error", "error"),
    ("warn", "warn"),
    ("info", "info"),
    ("debug", "debug"),
    ("trace", "trace"),
    ("warning", "warn"),
    ("err", "error"),
    ("fatal", "error"),
    ("critical", "error"),
    ("notice", "info"),
    ("verbose", "debug"),
    ("none", "off"),
];

/// What was probably meant by levels that are none: each level by its usual name, modules as they are.
fn likely_levels(text: &str) -> Option<String> {
    let likely = |part: &str| {
        let (module, level) = part.rsplit_once('=').map_or((None, part), |(module, level)| (Some(module), level));
        let level = level.trim().to_ascii_lowercase();
        let known = LEVEL_NAMES.iter().find(|(name, _)| *name == level).map(|(_, known)| *known);
        let known = known.or_else(|| closest(&level, LEVEL_NAMES[..6].iter().map(|(name, _)| *name)))?;
        Some(module.map_or_else(|| known.to_owned(), |module| format!("{}={known}", module.trim())))
    };
    text.split(',').map(likely).collect::<Option<Vec<_>>>().map(|parts| parts.join(","))
}

fn format(value: &Value) -> Option<Format> {
    let known = [("auto", Format::Auto), ("pretty", Format::Pretty), ("json", Format::Json), ("ecs", Format::Ecs)];
    value.one_of(&known)
}

fn access(value: &Value, slow: Duration) -> Option<Interest> {
    let known =
        [("off", Interest::Off), ("errors", Interest::Errors), ("slow", Interest::Slow(slow)), ("all", Interest::All)];
    value.one_of(&known)
}

/// Where spans go: the keys `traces.*` as far as they were set, because a variable of OpenTelemetry wins over a
/// default.
#[cfg(feature = "traces")]
#[derive(Clone, Debug)]
pub struct Traces {
    endpoint: Option<String>,
    protocol: Option<lameduck_telemetry::traces::Protocol>,
    /// A number from 0 to 1, as it was written.
    sample_ratio: Option<String>,
    timeout: Option<Duration>,
    /// `service.name`, if it was set.
    service_name: Option<String>,
}

/// Equal if the same values are in effect: a key that is set to its default says no more than one that is not set.
#[cfg(feature = "traces")]
impl PartialEq for Traces {
    fn eq(&self, other: &Self) -> bool {
        self.in_effect() == other.in_effect()
    }
}

#[cfg(feature = "traces")]
impl Eq for Traces {}

#[cfg(feature = "traces")]
impl Traces {
    /// Endpoint, whether by HTTP, share, timeout.
    fn in_effect(&self) -> (&str, bool, &str, Duration) {
        (
            self.endpoint.as_deref().unwrap_or_default(),
            self.protocol == Some(lameduck_telemetry::traces::Protocol::HttpProtobuf),
            self.sample_ratio.as_deref().unwrap_or("1.0"),
            self.timeout.unwrap_or(Duration::from_secs(5)),
        )
    }

    pub(super) fn read(values: &Values) -> Self {
        use lameduck_config::Origin;
        use lameduck_telemetry::traces::Protocol;
        let is_set = |key: &str| values.origin(key).is_some_and(|origin| *origin != Origin::Default);
        let protocol =
            |value: &Value| value.one_of(&[("grpc", Protocol::Grpc), ("http/protobuf", Protocol::HttpProtobuf)]);
        Self {
            endpoint: is_set("traces.endpoint").then(|| values.get("traces.endpoint")),
            protocol: is_set("traces.protocol").then(|| values.get_by("traces.protocol", protocol)),
            sample_ratio: is_set("traces.sample_ratio").then(|| values.get("traces.sample_ratio")),
            timeout: is_set("traces.timeout").then(|| values.get("traces.timeout")),
            service_name: is_set("service.name").then(|| values.get("service.name")),
        }
    }

    /// What keys and variables say together; `None`: traces are off.
    pub(crate) fn options(
        &self,
        service: &str,
        version: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<lameduck_telemetry::traces::TraceOptions>, String> {
        let keys = lameduck_telemetry::traces::TraceKeys {
            endpoint: self.endpoint.clone(),
            protocol: self.protocol,
            sample_ratio: self.sample_ratio.as_ref().and_then(|ratio| ratio.parse().ok()),
            timeout: self.timeout,
            service_name: self.service_name.clone(),
            service_name_default: service.to_owned(),
            service_version: version.to_owned(),
        };
        lameduck_telemetry::traces::TraceOptions::resolve(&keys, variable)
    }
}
