//! `health`: readiness for those that can only ask the work port.

use lameduck_config::{Form, Key, Kind, Section, Values};

/// A path that a request line can have as it is.
const URL_PATH_OR_NONE: Form = Form {
    expected: "a path such as /healthz, or empty for none",
    valid: |text| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        text.is_empty() || text.starts_with('/') && text.bytes().all(good)
    },
};

pub(super) const HEALTH: Section = Section {
    name: "health",
    doc: "Readiness on the work port.",
    keys: &[Key::new(
        "health.path",
        Kind::Text(URL_PATH_OR_NONE),
        "",
        "A path of `listen.http` that answers as /readyz does. Its requests are in no ledger, metric or log. Empty: none.",
    )
    .why("For load balancers that can only ask the port they send requests to. Probes of Kubernetes use the admin port.")],
};

/// Readiness on the work port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// A path of the work port that answers as /readyz does.
    pub path: Option<String>,
}

impl Health {
    pub(super) fn read(values: &Values) -> Self {
        Self { path: Some(values.get("health.path")).filter(|path: &String| !path.is_empty()) }
    }
}
