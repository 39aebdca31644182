//! The sections of a key or three: `service`, `admin`, `liveness`, `cluster`, `log`.

use crate::config::sections::PATH_OR_NONE;
use lameduck_config::{Check, Form, Key, Kind, Section, Value, Values, closest};
use lameduck_server::Interest;
use lameduck_telemetry::Format;
use std::path::PathBuf;
use std::time::Duration;

/// A filter for log lines.
const LEVELS: Form = Form {
    expected: "off, error, warn, info, debug or trace, for single modules as in info,lameduck_server=debug",
    valid: lameduck_telemetry::is_filter,
};

/// A name as Kubernetes has them.
const LABEL: Form = Form {
    expected: "a DNS label: a-z, 0-9 and -, at most 63, not beginning or ending with -",
    valid: |text| {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&text.len()) && text.bytes().all(good) && !text.starts_with('-') && !text.ends_with('-')
    },
};

pub(super) const SERVICE: Section = Section {
    name: "service",
    doc: "The service's identity.",
    keys: &[Key::new("service.name", Kind::Text(LABEL), "lameduck", "The name in logs, metrics and reports.")],
};

pub(super) const ADMIN: Section = Section {
    name: "admin",
    doc: "Access to the admin port.",
    keys: &[
        Key::new(
            "admin.drain",
            Kind::Word(&["off", "loopback", "token"]),
            "loopback",
            "Who may call `POST /drain`: `off`: nobody; `loopback`: clients in this pod; `token`: bearers of the token.",
        )
        .why("A drain cannot be undone, and the admin port is open to the cluster for its probes."),
        Key::new(
            "admin.token_file",
            Kind::Text(PATH_OR_NONE),
            "",
            "File with the bearer token for `admin.drain: token`. It is read again when it changes.",
        )
        .why("A file, because environment variables and configuration are shown in too many places."),
    ],
};

pub(super) const LIVENESS: Section = Section {
    name: "liveness",
    doc: "When /livez reports the process as hung.",
    keys: &[Key::new(
        "liveness.stall",
        Kind::TIMEOUT,
        "60s",
        "/livez fails if no worker thread has made progress for this long. It never fails because of a shutdown.",
    )
    .why("Long, because a restart by the kubelet loses every request of the pod.")],
};

pub(super) const CLUSTER: Section = Section {
    name: "cluster",
    doc: "Cluster facts that cannot be observed.",
    keys: &[
        Key::new(
            "cluster.services",
            Kind::List(LABEL),
            "",
            "The Services of this pod: `observe` queries the endpoint slices of only these Services. Empty: all in the namespace.",
        )
        .why("The chart sets it."),
        Key::new(
            "cluster.traffic_policy",
            Kind::Word(&["cluster", "local"]),
            "cluster",
            "The traffic policy of these Services. `local`: each node sends only to its own pods, so for `drain.readiness: auto` the \
             last serving pod of its node is the last.",
        )
        .why("Endpoint slices do not contain it. The chart sets it from `service.externalTrafficPolicy`."),
    ],
};

pub(super) const LOG: Section = Section {
    name: "log",
    doc: "Logging: format, level and access log.",
    keys: &[
        Key::new(
            "log.format",
            Kind::Word(&["auto", "pretty", "json"]),
            "auto",
            "`auto`: human-readable on a terminal, otherwise one JSON object per line.",
        ),
        Key::new(
            "log.level",
            Kind::TextWith(LEVELS, likely_levels),
            "info",
            "Minimum log level, global or per module, in any case.",
        ),
        Key::new(
            "log.access",
            Kind::Word(&["off", "errors", "all"]),
            "errors",
            "Access log: `off`; `errors`: 5xx and requests without a response; `all`.",
        )
        .why("A line per request costs more than the request."),
    ],
};

/// The service's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The name in logs, metrics and reports.
    pub name: String,
}

/// Access to the admin port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Who may call `POST /drain`.
    pub drain: DrainCall,
}

/// Who may call `POST /drain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DrainCall {
    /// Nobody.
    Off,
    /// Clients with a loopback address.
    Loopback,
    /// Bearers of the token in this file.
    Token(PathBuf),
}

/// When /livez reports the process as hung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Liveness {
    /// How long no worker thread may make progress.
    pub stall: Duration,
}

/// Cluster facts that cannot be observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The Services of this pod. Empty: unknown.
    pub services: Vec<String>,
    /// Whether their traffic stays on the node that it came to.
    pub local_traffic: bool,
}

/// Logging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The format.
    pub format: Format,
    /// The minimum level.
    pub level: String,
    /// Which requests get a line.
    pub access: Interest,
}

impl Service {
    pub(super) fn read(values: &Values) -> Self {
        Self { name: values.get("service.name") }
    }
}

impl Admin {
    pub(super) fn read(values: &Values) -> Self {
        let token_file: Option<PathBuf> = values.get("admin.token_file");
        let drain = match values.value("admin.drain") {
            Some(Value::Word("off")) => DrainCall::Off,
            // Without a file `check` refuses the load: this value then goes nowhere.
            Some(Value::Word("token")) => DrainCall::Token(token_file.unwrap_or_default()),
            _ => DrainCall::Loopback,
        };
        Self { drain }
    }

    pub(super) fn check(&self, check: &mut Check<'_>) {
        if matches!(&self.drain, DrainCall::Token(file) if file.as_os_str().is_empty()) {
            check.refuse(
                &["admin.drain", "admin.token_file"],
                "expected admin.token_file to name the file with the token",
            );
        }
    }
}

impl Liveness {
    pub(super) fn read(values: &Values) -> Self {
        Self { stall: values.get("liveness.stall") }
    }
}

impl Cluster {
    pub(super) fn read(values: &Values) -> Self {
        Self {
            services: values.get("cluster.services"),
            local_traffic: matches!(values.value("cluster.traffic_policy"), Some(Value::Word("local"))),
        }
    }
}

impl Log {
    pub(super) fn read(values: &Values) -> Self {
        Self {
            format: values.get_by("log.format", format),
            level: values.get("log.level"),
            access: values.get_by("log.access", access),
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
    value.one_of(&[("auto", Format::Auto), ("pretty", Format::Pretty), ("json", Format::Json)])
}

fn access(value: &Value) -> Option<Interest> {
    value.one_of(&[("off", Interest::Off), ("errors", Interest::Errors), ("all", Interest::All)])
}
