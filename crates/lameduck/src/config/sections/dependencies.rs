//! `stages` and `dependencies`: how the start goes, and what else must be there.

mod address;

pub use address::{HostPort, HttpUrl, HttpUrlError};

use crate::config::ServiceKeys;
use crate::config::sections::Config;
use lameduck_config::{Check, Form, FromValue, Key, Kind, Section, Value, Values, closest, is_name};
use std::time::Duration;

const NAME: Form = Form { expected: "the name of one of `dependencies`", valid: is_name };
const HOST_PORT: Form =
    Form { expected: "HOST:PORT, such as database:5432 or [::1]:5432", valid: |text| text.parse::<HostPort>().is_ok() };
const HTTP_URL: Form = Form {
    expected: "http://HOST[:PORT][/PATH], without user, password and TLS",
    valid: |text| text.parse::<HttpUrl>().is_ok(),
};

/// The keys that every dependency has.
const COMMON: &[Key] = &[
    Key::optional(
        "dependencies.*.required",
        Kind::Word(&["true", "start", "false"]),
        "`start`: the service starts only once it is available. `true`: as `start`, and /readyz returns 503 while it is not. \
         `false`: it is connected in the background. If not set: `start` where `stages.dependencies` names it or the service's code \
         needs it, else `false`.",
    )
    .why("With `true`, all replicas become unready at once when they share the dependency and lose it."),
    Key::new(
        "dependencies.*.connect_timeout",
        Kind::TIMEOUT,
        "5s",
        "Time limit of one attempt to connect, and of one check. Attempts are repeated after a growing pause of at most 3s.",
    ),
    Key::new(
        "dependencies.*.check_interval",
        Kind::TIMEOUT,
        "5s",
        "Time between two checks while it is connected. Three failures in a row mark it as lost, two successes as back.",
    ),
];

pub(super) const STAGES: Section = Section {
    name: "stages",
    doc: "Start-up stages: config, dependencies, services, ready. Nothing is served before all of them are done.",
    keys: &[
        Key::new(
            "stages.dependencies",
            Kind::List(NAME),
            "",
            "Dependencies that must be available before the service starts. They are connected at the same time.",
        ),
        Key::new(
            "stages.readiness_timeout",
            Kind::TIMEOUT,
            "30s",
            "Time limit of the whole start. After it the process logs which gate is still closed and exits with 1.",
        )
        .why("Shorter than what the startup probe allows, so that the log has the reason."),
    ],
};

pub(super) const DEPENDENCIES: Section = Section {
    name: "dependencies",
    doc: "Named external dependencies. A name consists of a-z, 0-9 and single _; each has exactly one kind.",
    keys: &[],
};

/// What all kinds have in common: shown after the kinds.
pub(crate) const EVERY_DEPENDENCY: Section =
    Section { name: "dependencies", doc: "The other keys are the same for every kind.", keys: COMMON };

/// `tcp`, as the configuration knows it.
pub(crate) const TCP: KindKeys = KindKeys {
    kind: "tcp",
    doc: "`tcp` is available when a TCP connection succeeds.",
    keys: &[Key::optional("dependencies.*.tcp", Kind::Text(HOST_PORT), "Where to connect.")],
    required: false,
    check: |_, _| Ok(()),
};

/// `http`, as the configuration knows it.
pub(crate) const HTTP: KindKeys = KindKeys {
    kind: "http",
    doc: "`http` is available when a GET returns a status of 200 to 399. Redirects are not followed.",
    keys: &[Key::optional("dependencies.*.http", Kind::Text(HTTP_URL), "What to GET.")],
    required: false,
    check: |_, _| Ok(()),
};

/// What the configuration knows of a kind of dependencies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KindKeys {
    pub(crate) kind: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) keys: &'static [Key],
    /// Whether it is needed at the start unless the operator says otherwise.
    pub(crate) required: bool,
    /// What does not go together, of the dependency with this name.
    pub(crate) check: fn(&str, &Values) -> Result<(), String>,
}

/// A dependency that the service's code brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) need: Need,
    /// Whether the operator may configure a kind in its place.
    pub(crate) replaceable: bool,
}

/// Start-up stages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stages {
    /// Names of the dependencies that are waited for.
    pub dependencies: Vec<String>,
    /// Time limit of the whole start.
    pub readiness_timeout: Duration,
}

/// An external dependency: what all kinds have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// What the operator calls it.
    pub name: String,
    /// Its kind; `None` if the service's code brings it.
    pub kind: Option<String>,
    /// Whether the service can do without.
    pub need: Need,
    /// How often, and how long.
    pub pace: Pace,
}

/// How much a service needs a dependency: `required`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Need {
    /// `false`: the service starts and serves without it.
    Optional,
    /// `start`: the service starts only once it is connected.
    AtStart,
    /// `true`: as `AtStart`, and the service is not ready while it is lost.
    Always,
}

/// How often and how long a dependency is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Bound of one attempt, and of one check.
    pub connect_timeout: Duration,
    /// Between two checks.
    pub check_interval: Duration,
}

impl Default for Pace {
    /// The defaults of the keys.
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(5), check_interval: Duration::from_secs(5) }
    }
}

impl FromValue for Need {
    fn from_value(value: &Value) -> Option<Self> {
        value.one_of(&[("true", Self::Always), ("start", Self::AtStart), ("false", Self::Optional)])
    }
}

pub(super) fn check(config: &Config, check: &mut Check<'_>, schema: &ServiceKeys) {
    for name in &config.stages.dependencies {
        if config.dependencies.iter().any(|dependency| dependency.name == *name) {
            continue;
        }
        // A name whose own keys are wrong is known all the same.
        let keys: Vec<_> = schema.kinds.iter().map(|kind| format!("dependencies.{name}.{}", kind.kind)).collect();
        let paths: Vec<_> = std::iter::once("stages.dependencies").chain(keys.iter().map(String::as_str)).collect();
        let guess = closest(name, config.dependencies.iter().map(|dependency| dependency.name.as_str()));
        check.refuse_with(&paths, format!("there is no {name:?} in dependencies"), guess.map(ToOwned::to_owned));
    }
    for name in check.names("dependencies") {
        check_one(name, config, check, schema);
    }
}

fn check_one(name: &str, config: &Config, check: &mut Check<'_>, schema: &ServiceKeys) {
    let path = |key: &str| format!("dependencies.{name}.{key}");
    let group = format!("dependencies.{name}");
    let set: Vec<_> = schema.kinds.iter().filter(|kind| check.is_set(&path(kind.kind))).collect();
    let declared = schema.declared.iter().find(|declared| declared.name == name);
    let kinds = schema.kinds.iter().map(|kind| kind.kind).collect::<Vec<_>>().join(", ");
    match (set.as_slice(), declared.filter(|declared| set.is_empty() || !declared.replaceable)) {
        ([kind], None) => {
            for other in other_keys(schema, kind) {
                let key = path(other);
                if check.is_set(&key) {
                    check.refuse(&[&key], format!("{} has no such key", kind.kind));
                }
            }
            if let Err(problem) = (kind.check)(name, check.values()) {
                let keys: Vec<_> = kind.keys.iter().map(|key| key.path.replacen('*', name, 1)).collect();
                let mut paths: Vec<_> = keys.iter().map(String::as_str).collect();
                paths.push(&group);
                check.refuse(&paths, problem);
            }
        }
        ([], Some(_)) => {}
        ([], None) => check.refuse(&[&group], format!("expected one of {kinds}")),
        ([kind, ..], Some(_)) => check.refuse(
            &[&path(kind.kind)],
            "the service brings this dependency itself: only required, connect_timeout and check_interval can be set",
        ),
        ([one, other, ..], None) => check.refuse(
            &[&group, &path(one.kind), &path(other.kind)],
            format!("has both {} and {}: expected one of them", one.kind, other.kind),
        ),
    }
    let need = config.dependencies.iter().find(|dependency| dependency.name == name).map(|dependency| dependency.need);
    if need == Some(Need::Optional) && check.is_set(&path("required")) {
        if config.stages.dependencies.iter().any(|named| named == name) {
            check.refuse(
                &[&path("required"), "stages.dependencies"],
                "stages.dependencies names it: expected start or true",
            );
        }
        if declared.is_some_and(|declared| declared.need != Need::Optional) {
            check.refuse(&[&path("required")], "the service cannot work without it: expected start or true");
        }
    }
}

/// Keys of other kinds that `kind` does not have.
fn other_keys<'a>(schema: &'a ServiceKeys, kind: &'a KindKeys) -> impl Iterator<Item = &'static str> + 'a {
    let last = |key: &Key| key.path.rsplit('.').next().unwrap_or(key.path);
    let others = schema.kinds.iter().filter(|other| other.kind != kind.kind);
    let keys = others.flat_map(move |other| other.keys.iter().map(last).filter(|key| *key != other.kind));
    keys.filter(move |key| !kind.keys.iter().any(|own| last(own) == *key))
}

// === impl Stages ===

impl Stages {
    pub(super) fn read(values: &Values) -> Self {
        Self {
            dependencies: values.get("stages.dependencies"),
            readiness_timeout: values.get("stages.readiness_timeout"),
        }
    }
}

// === impl Dependency ===

impl Dependency {
    /// Those of the configuration, then those that the service's code brings.
    pub(super) fn read_all(values: &Values, stages: &Stages, schema: &ServiceKeys) -> Vec<Self> {
        let read = |name: &str, kind: Option<&KindKeys>, default: Need| {
            let path = |key: &str| format!("dependencies.{name}.{key}");
            let listed = stages.dependencies.iter().any(|listed| listed == name);
            let default = if listed { default.max(Need::AtStart) } else { default };
            let usual = Pace::default();
            Self {
                name: name.to_owned(),
                kind: kind.map(|kind| kind.kind.to_owned()),
                need: values.find(&path("required")).unwrap_or(default),
                pace: Pace {
                    connect_timeout: values.find(&path("connect_timeout")).unwrap_or(usual.connect_timeout),
                    check_interval: values.find(&path("check_interval")).unwrap_or(usual.check_interval),
                },
            }
        };
        let kind_of = |name: &str| {
            let is_set = |kind: &&KindKeys| values.value(&format!("dependencies.{name}.{}", kind.kind)).is_some();
            schema.kinds.iter().find(is_set)
        };
        let configured = values.names("dependencies").filter_map(|name| {
            let declared = schema.declared.iter().find(|declared| declared.name == name);
            let (kind, needed) = match (kind_of(name)?, declared) {
                (kind, None) => (kind, if kind.required { Need::AtStart } else { Need::Optional }),
                (kind, Some(declared)) if declared.replaceable => (kind, declared.need),
                (_, Some(_)) => return None,
            };
            Some(read(name, Some(kind), needed))
        });
        let replaced = |declared: &&Declared| declared.replaceable && kind_of(&declared.name).is_some();
        let declared = schema.declared.iter().filter(|declared| !replaced(declared));
        let declared = declared.map(|declared| read(&declared.name, None, declared.need));
        configured.chain(declared).collect()
    }
}
