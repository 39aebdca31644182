//! The sections of a key or three: `service`, `admin`, `liveness`, `cluster`.

use crate::config::sections::PATH_OR_NONE;
use lameduck_config::{Check, Form, Key, Kind, Section, Value, Values};
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
