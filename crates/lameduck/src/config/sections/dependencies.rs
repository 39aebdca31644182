//! `stages` and `dependencies`: how the start goes, and what else must be there.

use crate::config::sections::Config;
use lameduck_config::{Check, Form, FromValue, Key, Kind, Section, Value, Values, closest, is_name};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const NAME: Form = Form { expected: "the name of one of `dependencies`", valid: is_name };
const HOST_PORT: Form =
    Form { expected: "HOST:PORT, such as database:5432 or [::1]:5432", valid: |text| text.parse::<HostPort>().is_ok() };
const HTTP_URL: Form = Form {
    expected: "http://HOST[:PORT][/PATH], without user, password and TLS",
    valid: |text| text.parse::<HttpUrl>().is_ok(),
};

pub(super) const STAGES: Section = Section {
    name: "stages",
    doc: "How the start goes: config, dependencies, services, ready. Nothing is served before all of it is done.",
    keys: &[
        Key::new("stages.config", Kind::Flag, "true", "Whether the first stage, which settles the configuration, is shown as one."),
        Key::new(
            "stages.dependencies",
            Kind::List(NAME),
            "",
            "Which of `dependencies` must answer before the service starts. All are tried at the same time.",
        ),
        Key::new(
            "stages.readiness_timeout",
            Kind::TIMEOUT,
            "30s",
            "How long the whole start may take. If it takes longer the process says which gate is shut and exits with 1.",
        )
        .why("Shorter than what the startup probe allows, so that the log has the reason."),
    ],
};

pub(super) const DEPENDENCIES: Section = Section {
    name: "dependencies",
    doc: "What this service needs, by a name of your choice (a-z, 0-9, single _), each with exactly one of these.",
    keys: &[
        Key::optional("dependencies.*.tcp", Kind::Text(HOST_PORT), "There when a TCP connection can be made."),
        Key::optional(
            "dependencies.*.http",
            Kind::Text(HTTP_URL),
            "There when a GET is answered with a status of 200 to 399.",
        ),
    ],
};

/// How the start goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stages {
    /// Whether the stage `config` is shown.
    pub config: bool,
    /// Names of the dependencies that are waited for.
    pub dependencies: Vec<String>,
    /// How long the whole start may take.
    pub readiness_timeout: Duration,
}

/// Something this service needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// What the operator calls it.
    pub name: String,
    /// Where it is, and how to tell that it is there.
    pub target: DependencyTarget,
}

/// Where a dependency is, and how to tell that it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DependencyTarget {
    /// By a TCP connection.
    Tcp(HostPort),
    /// By an answer to a GET.
    Http(HttpUrl),
}

/// `HOST:PORT`, not resolved: names are looked up when they are needed, for the answer changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// A name or an address; an IPv6 one without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// `http://HOST[:PORT][/PATH]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl {
    /// Where to connect; port 80 if the URL has none.
    pub authority: HostPort,
    /// Path and query, beginning with `/`.
    pub path: String,
}

pub(super) fn check(config: &Config, check: &mut Check<'_>) {
    for name in &config.stages.dependencies {
        if config.dependencies.iter().any(|dependency| dependency.name == *name) {
            continue;
        }
        // A name whose own keys are mistaken is known all the same.
        let keys = [format!("dependencies.{name}.tcp"), format!("dependencies.{name}.http")];
        let guess = closest(name, config.dependencies.iter().map(|dependency| dependency.name.as_str()));
        check.refuse_with(
            &["stages.dependencies", &keys[0], &keys[1]],
            format!("there is no {name:?} in dependencies"),
            guess.map(ToOwned::to_owned),
        );
    }
    Dependency::check_all(check);
}

// === impl Stages ===

impl Stages {
    pub(super) fn read(values: &Values) -> Self {
        Self {
            config: values.get("stages.config"),
            dependencies: values.get("stages.dependencies"),
            readiness_timeout: values.get("stages.readiness_timeout"),
        }
    }
}

// === impl Dependency ===

impl Dependency {
    pub(super) fn read_all(values: &Values) -> Vec<Self> {
        let target = |name: &str| {
            let tcp = values.find(&format!("dependencies.{name}.tcp")).map(DependencyTarget::Tcp);
            tcp.or_else(|| values.find(&format!("dependencies.{name}.http")).map(DependencyTarget::Http))
        };
        let named = values.names("dependencies");
        named.filter_map(|name| Some(Self { name: name.to_owned(), target: target(name)? })).collect()
    }

    fn check_all(check: &mut Check<'_>) {
        for name in check.names("dependencies") {
            let keys = [format!("dependencies.{name}.tcp"), format!("dependencies.{name}.http")];
            let group = format!("dependencies.{name}");
            match keys.iter().filter(|key| check.is_set(key)).count() {
                1 => {}
                0 => check.refuse(&[&group], "expected tcp or http below it"),
                _ => check.refuse(&[&group, &keys[0], &keys[1]], "has both tcp and http: expected one of them"),
            }
        }
    }
}

// === impl HostPort ===

impl FromStr for HostPort {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (host, port) = text.rsplit_once(':').ok_or(())?;
        let port = port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok()).flatten();
        let port = port.filter(|port| *port != 0).ok_or(())?;
        let host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
            Some(inner) => inner.filter(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok()).ok_or(())?,
            None => Some(host).filter(|host| is_host(host)).ok_or(())?,
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

/// A host name or an IPv4 address. Underscores occur in real names.
fn is_host(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=253).contains(&text.len()) && text.bytes().all(good) && !text.starts_with(['.', '-']) && !text.contains("..")
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromValue for HostPort {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { text.parse().ok() } else { None }
    }
}

// === impl HttpUrl ===

impl FromStr for HttpUrl {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let rest = text.strip_prefix("http://").ok_or(())?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(());
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let authority = if has_port { authority.parse()? } else { format!("{authority}:80").parse()? };
        Ok(Self { authority, path })
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

impl FromValue for HttpUrl {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { text.parse().ok() } else { None }
    }
}
