//! Where spans go, and which: the keys `traces.*`, the variables of OpenTelemetry, and what the downward API says about
//! the pod.

use super::sampler::Sampler;
use std::time::Duration;

/// The keys `traces.*` as far as they were set, by file or environment: a default gives way to a variable of
/// OpenTelemetry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceKeys {
    /// `traces.endpoint`.
    pub endpoint: Option<String>,
    /// `traces.protocol`.
    pub protocol: Option<Protocol>,
    /// `traces.sample_ratio`.
    pub sample_ratio: Option<f64>,
    /// `traces.timeout`.
    pub timeout: Option<Duration>,
    /// `service.name`, if it was set.
    pub service_name: Option<String>,
    /// The name if no variable says another.
    pub service_name_default: String,
    /// The version of the service.
    pub service_version: String,
}

/// How spans travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP over gRPC.
    #[default]
    Grpc,
    /// OTLP over HTTP, binary.
    HttpProtobuf,
}

/// Where spans go, and which.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceOptions {
    /// The whole URL, path included for HTTP.
    pub endpoint: String,
    /// How they travel.
    pub protocol: Protocol,
    /// Bound of one export.
    pub timeout: Duration,
    /// A file with the certificates that the collector's is checked against; `None`: the system's.
    pub ca_file: Option<String>,
    /// Who sends them.
    pub resource: Vec<(String, String)>,
    pub(super) sampler: Sampler,
}

const TIMEOUT: Duration = Duration::from_secs(5);

impl TraceOptions {
    /// What keys and variables say together; `None`: traces are off. `variable` reads the environment.
    ///
    /// # Errors
    /// A sentence with the variable that cannot be used.
    pub fn resolve(keys: &TraceKeys, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let variable = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let either = |name: &str| {
            let traces = format!("OTEL_EXPORTER_OTLP_TRACES_{name}");
            variable(&traces).or_else(|| variable(&format!("OTEL_EXPORTER_OTLP_{name}")))
        };
        let disabled = variable("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        if disabled || variable("OTEL_TRACES_EXPORTER").is_some_and(|exporter| exporter == "none") {
            return Ok(None);
        }
        let protocol = match (keys.protocol, either("PROTOCOL").as_deref()) {
            (Some(protocol), _) => protocol,
            (None, None | Some("grpc")) => Protocol::Grpc,
            (None, Some("http/protobuf")) => Protocol::HttpProtobuf,
            (None, Some(other)) => {
                return Err(format!("OTEL_EXPORTER_OTLP_PROTOCOL: expected grpc or http/protobuf, found {other:?}"));
            }
        };
        let insecure = either("INSECURE").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let whole = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let base = keys.endpoint.clone().filter(|endpoint| !endpoint.is_empty());
        let endpoint = match (base, whole, variable("OTEL_EXPORTER_OTLP_ENDPOINT")) {
            (Some(base), ..) | (None, None, Some(base)) => with_path(with_scheme(&base, insecure), protocol),
            (None, Some(whole), _) => with_scheme(&whole, insecure),
            (None, None, None) => return Ok(None),
        };
        let timeout = match (keys.timeout, either("TIMEOUT")) {
            (Some(timeout), _) => timeout,
            (None, None) => TIMEOUT,
            (None, Some(text)) => Duration::from_millis(
                text.parse()
                    .map_err(|_| format!("OTEL_EXPORTER_OTLP_TIMEOUT: expected milliseconds, found {text:?}"))?,
            ),
        };
        let sampler = sampler(keys.sample_ratio, variable)?;
        let resource = resource(keys, variable);
        Ok(Some(Self { endpoint, protocol, timeout, ca_file: either("CERTIFICATE"), resource, sampler }))
    }
}

/// An endpoint without a scheme is encrypted unless the environment says otherwise, as the SDKs have it.
fn with_scheme(endpoint: &str, insecure: bool) -> String {
    match endpoint.contains("://") {
        true => endpoint.to_owned(),
        false if insecure => format!("http://{endpoint}"),
        false => format!("https://{endpoint}"),
    }
}

/// HTTP: a base gets the path of the signal. gRPC: the service says the path.
fn with_path(base: String, protocol: Protocol) -> String {
    if protocol == Protocol::Grpc || base.trim_end_matches('/').ends_with("/v1/traces") {
        return base;
    }
    format!("{}/v1/traces", base.trim_end_matches('/'))
}

fn sampler(ratio: Option<f64>, variable: impl Fn(&str) -> Option<String>) -> Result<Sampler, String> {
    if let Some(ratio) = ratio {
        return Ok(Sampler { ratio, parent_based: true });
    }
    let (name, argument) = (variable("OTEL_TRACES_SAMPLER"), variable("OTEL_TRACES_SAMPLER_ARG"));
    let share = || match &argument {
        None => Ok(1.0),
        Some(text) => (text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio)))
            .ok_or_else(|| format!("OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1, found {text:?}")),
    };
    let (ratio, parent_based) = match name.as_deref() {
        None | Some("parentbased_always_on") => (1.0, true),
        Some("parentbased_always_off") => (0.0, true),
        Some("parentbased_traceidratio") => (share()?, true),
        Some("always_on") => (1.0, false),
        Some("always_off") => (0.0, false),
        Some("traceidratio") => (share()?, false),
        Some(other) => {
            let known = "always_on, always_off, traceidratio, or one of these behind parentbased_";
            return Err(format!("OTEL_TRACES_SAMPLER: expected {known}, found {other:?}"));
        }
    };
    Ok(Sampler { ratio, parent_based })
}

/// Who sends the spans. A later entry wins: the pod, then `OTEL_RESOURCE_ATTRIBUTES`, then the names that were set on
/// purpose.
fn resource(keys: &TraceKeys, variable: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let mut set = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            all.retain(|(known, _)| known != name);
            all.push((name.to_owned(), value));
        }
    };
    set("service.name", Some(keys.service_name_default.clone()));
    set("service.version", Some(keys.service_version.clone()).filter(|version| !version.is_empty()));
    set("service.namespace", variable("POD_NAMESPACE"));
    set("service.instance.id", variable("POD_UID"));
    for (name, from) in [
        ("k8s.pod.name", "POD_NAME"),
        ("k8s.pod.uid", "POD_UID"),
        ("k8s.namespace.name", "POD_NAMESPACE"),
        ("k8s.node.name", "NODE_NAME"),
        ("k8s.container.name", "CONTAINER_NAME"),
    ] {
        set(name, variable(from));
    }
    for pair in variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default().split(',') {
        if let Some((name, value)) = pair.split_once('=') {
            set(name.trim(), Some(percent_decoded(value.trim())));
        }
    }
    set("service.name", variable("OTEL_SERVICE_NAME"));
    set("service.name", keys.service_name.clone());
    all
}

/// Values in `OTEL_RESOURCE_ATTRIBUTES` may be percent-encoded.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => (bytes.push(byte), rest = &tail[2..]).1,
            None => (bytes.push(*first), rest = tail).1,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
