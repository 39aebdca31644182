//! `kafka: BROKERS`: an idempotent producer, and consumers that leave their group in the drain.

mod backlog;
mod client;
mod consumer;
mod error;
mod intake;
mod message;
mod metrics;
mod options;
mod session;
mod verdict;

pub use client::KafkaClient;
pub use consumer::KafkaConsumer;
pub use error::KafkaError;
pub use message::{Message, Outgoing};
pub use metrics::ConsumerMetrics;
pub use options::ConsumerOptions;
pub use verdict::Failure;

use crate::calls::Calls;
use crate::files::Certificates;
use crate::keys::{CA_FILE, PASSWORD_FILE};
use crate::password::Password;
use lameduck::config::{Form, FromValue, Key, Kind, Value};
use lameduck::{Dependency, DependencyConfig, DependencyError, DependencyKind, DependencyUsage};
use session::{Login, Mechanism};
use std::sync::Arc;
use std::time::Duration;

const BROKERS: Form =
    Form { expected: "HOST:PORT, or several with a comma between", valid: |text| text.split(',').all(is_broker) };
const USER: Form = Form { expected: "the name of a user", valid: |text| !text.is_empty() };

fn is_broker(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
    !host.is_empty() && host.bytes().all(good) && port.parse().is_ok_and(|port: u16| port != 0)
}

/// The brokers of a Kafka cluster. The handle is a [`KafkaClient`].
#[derive(Clone, Debug)]
pub struct Kafka {
    login: Arc<Login>,
    calls: Calls,
    member: Option<String>,
}

impl Dependency for Kafka {
    type Handle = KafkaClient;

    async fn connect(&self) -> Result<KafkaClient, DependencyError> {
        KafkaClient::open(Arc::clone(&self.login), self.calls.clone(), self.member.clone()).await
    }

    async fn check(&self, client: &KafkaClient) -> Result<(), DependencyError> {
        client.check().await
    }

    fn usage(&self, client: &KafkaClient) -> Option<DependencyUsage> {
        Some(client.calls().usage())
    }

    async fn release(&self, client: KafkaClient) -> Result<(), DependencyError> {
        client.close().await.map_err(DependencyError::transient)
    }
}

/// How this replica is a member of its groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Membership {
    /// As the workload says.
    #[default]
    Auto,
    Dynamic,
    Static,
}

impl FromValue for Membership {
    fn from_value(value: &Value) -> Option<Self> {
        value.one_of(&[("auto", Self::Auto), ("dynamic", Self::Dynamic), ("static", Self::Static)])
    }
}

impl FromValue for Mechanism {
    fn from_value(value: &Value) -> Option<Self> {
        value.one_of(&[
            ("plain", Self::Plain),
            ("scram-sha-256", Self::ScramSha256),
            ("scram-sha-512", Self::ScramSha512),
        ])
    }
}

impl Membership {
    /// The name of the member, if it stays one over a restart: that of the pod, which only a StatefulSet gives again.
    fn member(self, variable: impl Fn(&str) -> Option<String>) -> Result<Option<String>, String> {
        let stays = match self {
            Self::Auto => variable("WORKLOAD_KIND").as_deref() == Some("StatefulSet"),
            Self::Dynamic => false,
            Self::Static => true,
        };
        if !stays {
            return Ok(None);
        }
        let name = variable("POD_NAME").or_else(|| variable("HOSTNAME")).filter(|name| !name.is_empty());
        name.map(Some)
            .ok_or_else(|| "a static member needs a name: set POD_NAME or HOSTNAME, or membership: dynamic".to_owned())
    }
}

impl DependencyKind for Kafka {
    const KIND: &'static str = "kafka";
    const DOC: &'static str = "`kafka` is available when a broker describes its cluster.";
    const KEYS: &'static [Key] = &[
        Key::optional("dependencies.*.kafka", Kind::Text(BROKERS), "Some brokers of the cluster; the others are found through them."),
        Key::optional("dependencies.*.user", Kind::Text(USER), "As whom to log in (SASL). Needs `password_file`."),
        PASSWORD_FILE,
        Key::optional(
            "dependencies.*.sasl",
            Kind::Word(&["plain", "scram-sha-256", "scram-sha-512"]),
            "How the password is shown to the brokers; `scram-sha-512` if not set. `plain` shows it as it is, so it needs `tls`.",
        ),
        Key::optional("dependencies.*.tls", Kind::Flag, "Whether to use TLS; false if not set."),
        CA_FILE,
        Key::optional(
            "dependencies.*.membership",
            Kind::Word(&["auto", "dynamic", "static"]),
            "`dynamic`: consumers leave their group in the drain, and other replicas take over at once. `static`: they stay members by the \
             name of the pod, and nothing is rebalanced if it is back within 45s. `auto`, which is the default: `static` in a StatefulSet.",
        )
        .why("A Deployment gives each pod another name: a static member of it would hold its partitions until the session times out."),
    ];

    fn from_config(config: &DependencyConfig<'_>) -> Result<Self, String> {
        let user = config.find::<String>("user");
        let password = config.find::<String>("password_file");
        let mechanism = config.find::<Mechanism>("sasl");
        let tls = config.find("tls").unwrap_or(false);
        let certificates = config.find::<String>("ca_file").map(Certificates::new);
        if user.is_some() != password.is_some() {
            return Err("user and password_file belong together".to_owned());
        }
        if mechanism.is_some() && user.is_none() {
            return Err("sasl is for a user: set user and password_file".to_owned());
        }
        if mechanism == Some(Mechanism::Plain) && !tls {
            return Err(
                "sasl: plain would show the password to the network: set tls to true, or another sasl".to_owned()
            );
        }
        if certificates.is_some() && !tls {
            return Err("ca_file is for TLS: set tls to true".to_owned());
        }
        let membership = config.find::<Membership>("membership").unwrap_or_default();
        let password = password.map(|file| Password::in_file(config.path("password_file"), file.into()));
        let login = Login {
            brokers: config.get("kafka"),
            user,
            mechanism: mechanism.unwrap_or_default(),
            tls,
            certificates,
            password: password.unwrap_or_else(Password::none),
            connect_timeout: config.find("connect_timeout").unwrap_or(Duration::from_secs(5)),
        };
        let member = membership.member(|name| std::env::var(name).ok())?;
        Ok(Self { login: Arc::new(login), calls: Calls::new(config.name()), member })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn membership_follows_the_workload() {
        let of = |membership: Membership, kind: Option<&'static str>, pod: Option<&'static str>| {
            membership.member(|name| match name {
                "WORKLOAD_KIND" => kind.map(str::to_owned),
                "POD_NAME" => pod.map(str::to_owned),
                _ => None,
            })
        };
        let pod = Some("orders-0");
        assert_eq!(of(Membership::Auto, None, pod), Ok(None));
        assert_eq!(of(Membership::Auto, Some("Deployment"), pod), Ok(None));
        assert_eq!(of(Membership::Auto, Some("StatefulSet"), pod), Ok(pod.map(str::to_owned)));
        assert_eq!(of(Membership::Dynamic, Some("StatefulSet"), pod), Ok(None));
        assert!(of(Membership::Static, None, None).unwrap_err().contains("POD_NAME"));
    }

    #[test]
    fn brokers_are_hosts_with_ports() {
        for good in ["kafka:9092", "a:1,b:2", "[::1]:9092"] {
            assert!((BROKERS.valid)(good), "{good}");
        }
        for wrong in ["kafka", "kafka:", ":9092", "a:1,", "kafka://a:1", "a:0", "a b:1"] {
            assert!(!(BROKERS.valid)(wrong), "{wrong}");
        }
    }
}
