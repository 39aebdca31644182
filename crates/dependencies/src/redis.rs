//! `redis: URL`: one server, a cluster, or the primary that sentinels know.

mod client;
mod connector;
mod error;
mod link;
mod target;

pub use client::RedisClient;
pub use error::RedisError;
/// The client library: for [`RedisClient::run`].
pub use redis as library;

use crate::calls::Calls;
use crate::files::Certificates;
use crate::keys::{CA_FILE, PASSWORD_FILE};
use crate::password::Password;
use connector::Connector;
use lameduck::config::{Form, Key, Kind};
use lameduck::{Dependency, DependencyConfig, DependencyError, DependencyKind, DependencyUsage};
use link::{COMMAND_TIMEOUT, Link};
use std::sync::Arc;
use std::time::Duration;
use target::Target;

const URL: Form = Form {
    expected: "redis://[USER@]HOST[:PORT][/DATABASE], redis-cluster://HOST[:PORT],… or redis-sentinel://HOST[:PORT],…/PRIMARY, \
               or the same with rediss for TLS, without a password",
    valid: |text| text.parse::<Target>().is_ok(),
};

/// A Redis server, a cluster, or the primary that sentinels know.
#[derive(Clone, Debug)]
pub struct Redis {
    connector: Arc<Connector>,
    calls: Calls,
}

impl Dependency for Redis {
    type Handle = RedisClient;

    async fn connect(&self) -> Result<RedisClient, DependencyError> {
        Link::open(Arc::clone(&self.connector), self.calls.clone()).await.map(RedisClient::new)
    }

    async fn check(&self, client: &RedisClient) -> Result<(), DependencyError> {
        client.link.check().await
    }

    fn usage(&self, client: &RedisClient) -> Option<DependencyUsage> {
        Some(client.link.usage())
    }

    async fn release(&self, client: RedisClient) -> Result<(), DependencyError> {
        client.link.close();
        Ok(())
    }
}

impl DependencyKind for Redis {
    const KIND: &'static str = "redis";
    const DOC: &'static str = "`redis` is available when the server, or every primary of the cluster, answers a PING. Its calls share one connection.";
    const KEYS: &'static [Key] = &[
        Key::optional("dependencies.*.redis", Kind::Text(URL), "Where Redis is, and as whom to log in."),
        PASSWORD_FILE,
        CA_FILE,
        Key::optional(
            "dependencies.*.command_timeout",
            Kind::TIMEOUT,
            "Time limit of one command; 250ms if not set. A command that takes longer marks Redis as lost: all calls fail at once \
             until it answers again.",
        ),
    ];

    fn from_config(config: &DependencyConfig<'_>) -> Result<Self, String> {
        let target: Target = config.get::<String>("redis").parse()?;
        let certificates = config.find::<String>("ca_file").map(Certificates::new);
        if certificates.is_some() && !target.tls {
            return Err("ca_file is for TLS: use rediss instead of redis in the URL".to_owned());
        }
        let connector = Connector {
            target,
            password: match config.find::<String>("password_file") {
                Some(file) => Password::in_file(config.path("password_file"), file.into()),
                None => Password::none(),
            },
            certificates,
            connect_timeout: config.find("connect_timeout").unwrap_or(Duration::from_secs(5)),
            command_timeout: config.find("command_timeout").unwrap_or(COMMAND_TIMEOUT),
        };
        Ok(Self { connector: Arc::new(connector), calls: Calls::new(config.name()) })
    }
}
