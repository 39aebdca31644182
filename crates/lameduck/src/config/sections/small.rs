//! The sections of a key or three: `service`, `admin`, `liveness`, `cluster`, `log`.

use crate::config::sections::PATH_OR_NONE;
use lameduck_config::{Check, Form, Key, Kind, Section, Value, Values};
use lameduck_server::Interest;
use lameduck_telemetry::Format;
use std::path::PathBuf;
use std::time::Duration;

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
    doc: "What this is.",
    keys: &[Key::new("service.name", Kind::Text(LABEL), "lameduck", "The name in logs, metrics and reports.")],
};

pub(super) const ADMIN: Section = Section {
    name: "admin",
    doc: "Who may do what on the admin port.",
    keys: &[
        Key::new(
            "admin.drain",
            Kind::Word(&["off", "loopback", "token"]),
            "loopback",
            "Who may start a drain by `POST /drain`: nobody, whoever is in this pod, or whoever has the token.",
        )
        .why("A drain cannot be taken back, and the admin port is open to the cluster for its probes."),
        Key::new(
            "admin.token_file",
            Kind::Text(PATH_OR_NONE),
            "",
            "A file with the bearer token for `admin.drain: token`, read at the start.",
        )
        .why("A file, because the environment and the configuration are shown in too many places."),
    ],
};

pub(super) const LIVENESS: Section = Section {
    name: "liveness",
    doc: "When the process counts as stuck.",
    keys: &[Key::new(
        "liveness.stall",
        Kind::TIMEOUT,
        "60s",
        "/livez fails when the work threads have run nothing for so long. Never because of a drain.",
    )
    .why("Long, because a restart by the kubelet loses every request of the pod.")],
};

pub(super) const CLUSTER: Section = Section {
    name: "cluster",
    doc: "What is known about the cluster beforehand.",
    keys: &[
        Key::new(
            "cluster.services",
            Kind::List(LABEL),
            "",
            "The Services of this pod: `observe` then asks for the endpoint slices of these alone. Empty: it looks through all \
             of the namespace.",
        )
        .why("The chart fills it in."),
        Key::new(
            "cluster.traffic_policy",
            Kind::Word(&["cluster", "local"]),
            "cluster",
            "The traffic policy of these Services. `local`: each node sends to its own pods alone, so for `drain.readiness: auto` \
             the last pod of its node is the last.",
        )
        .why("Endpoint slices do not say. The chart fills it in from `service.externalTrafficPolicy`."),
    ],
};

pub(super) const LOG: Section = Section {
    name: "log",
    doc: "What is told, and how.",
    keys: &[
        Key::new(
            "log.format",
            Kind::Word(&["auto", "pretty", "json"]),
            "auto",
            "`auto`: for people on a terminal, else one JSON object a line.",
        ),
        Key::new(
            "log.level",
            Kind::Text(Form {
                expected: "off, error, warn, info, debug or trace, for parts like this: info,lameduck_server=debug",
                valid: lameduck_telemetry::is_filter,
            }),
            "info",
            "The least severity that is told, for all or by part.",
        ),
        Key::new(
            "log.access",
            Kind::Word(&["off", "errors", "all"]),
            "errors",
            "Which requests get a line: none; answers of 500 and above and those that got none; all.",
        )
        .why("A line for each request costs more than the request."),
    ],
};

/// What this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The name in logs, metrics and reports.
    pub name: String,
}

/// Who may do what on the admin port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Who may start a drain.
    pub drain: DrainCall,
}

/// Who may start a drain by `POST /drain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DrainCall {
    /// Nobody.
    Off,
    /// Whoever comes from a loopback address.
    Loopback,
    /// Whoever has the bearer token in this file.
    Token(PathBuf),
}

/// When the process counts as stuck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Liveness {
    /// How long the work threads may run nothing.
    pub stall: Duration,
}

/// What is known about the cluster beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The Services of this pod. Empty: unknown.
    pub services: Vec<String>,
    /// Whether their traffic stays on the node that it came to.
    pub local_traffic: bool,
}

/// What is told, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// For whom.
    pub format: Format,
    /// The least severity.
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

fn format(value: &Value) -> Option<Format> {
    value.one_of(&[("auto", Format::Auto), ("pretty", Format::Pretty), ("json", Format::Json)])
}

fn access(value: &Value) -> Option<Interest> {
    value.one_of(&[("off", Interest::Off), ("errors", Interest::Errors), ("all", Interest::All)])
}
