//! Makes connections to Redis, with the password as it is now.

use super::error::{explain, no_response};
use super::target::{Target, Topology};
use crate::files::{self, Certificates};
use crate::password::Password;
use lameduck::DependencyError;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisConnectionInfo,
    RedisResult, TlsCertificates, TlsMode, Value,
};
use std::time::Duration;

/// Commands that may wait in a connection for their response.
const IN_FLIGHT_MAX: usize = 4096;

/// How to reach Redis.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) target: Target,
    pub(super) password: Password,
    pub(super) certificates: Option<Certificates>,
    pub(super) connect_timeout: Duration,
    pub(super) command_timeout: Duration,
}

/// A connection that many callers share: commands travel back to back and responses come in their order.
#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    /// # Cancel safety
    /// Dropped, the command may still be carried out; its response is thrown away.
    pub(super) async fn call(&mut self, command: &Cmd) -> RedisResult<Value> {
        let value = match self {
            Self::Single(connection) => connection.req_packed_command(command).await?,
            Self::Cluster(connection) => connection.req_packed_command(command).await?,
        };
        value.extract_error()
    }

    /// Asks the server, or every primary of the cluster, for an answer.
    pub(super) async fn ping(&mut self) -> RedisResult<()> {
        self.call(&redis::cmd("PING")).await.map(drop)
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

impl Connector {
    /// One attempt: a connection that has answered. `password` is the one to use.
    ///
    /// # Errors
    /// A sentence, permanent if another attempt cannot help.
    pub(super) async fn connect(&self, password: Option<&str>) -> Result<Connection, DependencyError> {
        if self.target.tls {
            files::install_tls_provider();
        }
        let attempt = async {
            let mut connection = match &self.target.topology {
                Topology::Single { database } => self.single(*database, password).await?,
                Topology::Cluster => self.cluster(password).await?,
                Topology::Sentinel { primary, database } => self.sentinel(primary, *database, password).await?,
            };
            connection.ping().await.map(|()| connection)
        };
        match tokio::time::timeout(self.connect_timeout, attempt).await {
            Ok(result) => result.map_err(|error| explain(&error, &self.target.to_string(), self.target.tls)),
            Err(_) => Err(DependencyError::Transient(no_response(&self.target.to_string(), self.target.tls))),
        }
    }

    async fn single(&self, database: i64, password: Option<&str>) -> RedisResult<Connection> {
        let settings = self.settings(password).set_db(database);
        let info = self.addresses()[0].clone().into_connection_info()?.set_redis_settings(settings);
        let client = match self.tls()? {
            Some(certificates) => Client::build_with_tls(info, certificates)?,
            None => Client::open(info)?,
        };
        self.open(&client).await
    }

    async fn open(&self, client: &Client) -> RedisResult<Connection> {
        // The time limit of a command is its caller's: see `link`.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(None)
            .set_concurrency_limit(IN_FLIGHT_MAX);
        client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Single)
    }

    async fn cluster(&self, password: Option<&str>) -> RedisResult<Connection> {
        let nodes = self
            .addresses()
            .into_iter()
            .map(|address| Ok(address.into_connection_info()?.set_redis_settings(self.settings(password))));
        let mut builder = ClusterClientBuilder::new(nodes.collect::<RedisResult<Vec<_>>>()?)
            .retries(1)
            .connection_timeout(self.connect_timeout)
            .response_timeout(self.command_timeout)
            .connection_concurrency_limit(IN_FLIGHT_MAX);
        if let Some(user) = &self.target.user {
            builder = builder.username(user);
        }
        if let Some(password) = password {
            builder = builder.password(password);
        }
        if let Some(certificates) = self.tls()? {
            builder = builder.tls(TlsMode::Secure).certs(certificates);
        }
        builder.build()?.get_async_connection().await.map(Connection::Cluster)
    }

    /// The primary, as the sentinels know it.
    async fn sentinel(&self, primary: &str, database: i64, password: Option<&str>) -> RedisResult<Connection> {
        match self.primary(primary, database, password, password).await {
            // Many sentinels have no password where their servers have one.
            Err(error) if error.kind() == ErrorKind::AuthenticationFailed && password.is_some() => {
                let client = self.primary(primary, database, password, None).await?;
                self.open(&client).await
            }
            client => self.open(&client?).await,
        }
    }

    async fn primary(
        &self,
        name: &str,
        database: i64,
        password: Option<&str>,
        of_sentinel: Option<&str>,
    ) -> RedisResult<Client> {
        let mut builder = SentinelClientBuilder::new(self.addresses(), name, SentinelServerType::Master)?
            .set_client_to_redis_db(database);
        if let Some(user) = &self.target.user {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = password {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(password) = of_sentinel {
            builder = builder.set_client_to_sentinel_password(password);
        }
        if self.target.tls {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = self.tls()? {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates);
        }
        builder.build()?.async_get_client().await
    }

    fn addresses(&self) -> Vec<ConnectionAddr> {
        let address = |(host, port): &(String, u16)| {
            let host = host.clone();
            if self.target.tls {
                ConnectionAddr::TcpTls { host, port: *port, insecure: false, tls_params: None }
            } else {
                ConnectionAddr::Tcp(host, *port)
            }
        };
        self.target.nodes.iter().map(address).collect()
    }

    fn settings(&self, password: Option<&str>) -> RedisConnectionInfo {
        let mut settings = RedisConnectionInfo::default();
        if let Some(user) = &self.target.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = password {
            settings = settings.set_password(password);
        }
        settings
    }

    fn tls(&self) -> RedisResult<Option<TlsCertificates>> {
        let certificates = self.certificates.as_ref().filter(|_| self.target.tls);
        let Some(certificates) = certificates else { return Ok(None) };
        let pem = certificates.read().map_err(std::io::Error::other)?;
        Ok(Some(TlsCertificates { client_tls: None, root_cert: Some(pem) }))
    }
}
