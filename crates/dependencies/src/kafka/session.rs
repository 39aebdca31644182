//! One login at the brokers, and its producer: together with `intake`, all that knows the client library.

use super::error::{KafkaError, explain, send_error};
use super::message::Outgoing;
use crate::files::Certificates;
use crate::password::Password;
use krafka::auth::{AuthConfig, TlsConfig};
use krafka::producer::{Acks, Producer};
use krafka::{CloseOptions, Kafka, Record};
use lameduck::DependencyError;
use std::time::Duration;

/// A message that is not acknowledged for so long has failed, if its caller has not gone before.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// Messages wait so long for others to travel with them.
const LINGER: Duration = Duration::from_millis(1);
/// Bytes that wait for the brokers; then `send` waits.
const BUFFER_BYTES_MAX: usize = 32 << 20;

/// How to log in.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) brokers: String,
    pub(super) user: Option<String>,
    pub(super) mechanism: Mechanism,
    pub(super) tls: bool,
    pub(super) certificates: Option<Certificates>,
    pub(super) password: Password,
    pub(super) connect_timeout: Duration,
}

/// How the password is shown to the brokers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mechanism {
    Plain,
    ScramSha256,
    #[default]
    ScramSha512,
}

/// Logged in.
pub(super) struct Session {
    pub(super) kafka: Kafka,
    producer: Producer,
}

impl Login {
    /// One attempt: a broker has answered.
    pub(super) async fn open(&self, password: Option<&str>) -> Result<Session, DependencyError> {
        let mut builder = Kafka::builder(&self.brokers)
            .client_id("lameduck")
            .connect_timeout(self.connect_timeout)
            .request_timeout(self.connect_timeout.max(Duration::from_secs(10)));
        if let Some(security) = self.security(password)? {
            builder = builder.security(security);
        }
        let explain = |error| explain(&error, &self.brokers, self.tls);
        let kafka = builder.connect().await.map_err(explain)?;
        let producer = kafka.producer().acks(Acks::All).idempotent(true).linger(LINGER);
        let producer = producer.delivery_timeout(DELIVERY_TIMEOUT).buffer_memory(BUFFER_BYTES_MAX);
        let producer = producer.build().await.map_err(explain)?;
        Ok(Session { kafka, producer })
    }

    fn security(&self, password: Option<&str>) -> Result<Option<AuthConfig>, DependencyError> {
        let tls = match &self.certificates {
            _ if !self.tls => None,
            Some(certificates) => {
                let pem = certificates.read().map_err(DependencyError::Permanent)?;
                Some(TlsConfig::new().with_ca_cert_pem(pem))
            }
            None => Some(TlsConfig::new().with_native_roots()),
        };
        let login = self.user.as_deref().zip(password).map(|(user, password)| match self.mechanism {
            Mechanism::Plain => AuthConfig::sasl_plain(user, password),
            Mechanism::ScramSha256 => AuthConfig::sasl_scram_sha256(user, password),
            Mechanism::ScramSha512 => AuthConfig::sasl_scram_sha512(user, password),
        });
        Ok(match (login, tls) {
            (Some(login), Some(tls)) => Some(login.with_tls(tls)),
            (Some(login), None) => Some(login),
            (None, tls) => tls.map(AuthConfig::ssl),
        })
    }
}

impl Session {
    /// Sends one message and waits until all replicas that must have it do. Returns its partition and offset.
    ///
    /// # Cancel safety
    /// Dropped, the message may or may not be written.
    pub(super) async fn send(&self, message: Outgoing) -> Result<(i32, i64), KafkaError> {
        let Outgoing { topic, key, value, headers } = message;
        let mut record = match value {
            Some(value) => Record::new(topic, value),
            None => Record::new(topic, "").without_value(),
        };
        if let Some(key) = key {
            record = record.key(key);
        }
        for (name, value) in headers {
            record = record.header(name, value);
        }
        let written = self.producer.send(record).await.map_err(|error| send_error(&error))?;
        Ok((written.partition, written.offset))
    }

    /// Asks the brokers for an answer.
    pub(super) async fn ping(&self, within: Duration) -> Result<(), KafkaError> {
        let options = krafka::admin::DescribeClusterOptions::default().timeout(within);
        self.kafka.admin().describe_cluster(options).await.map(drop).map_err(|error| send_error(&error))
    }

    /// Sends what waits, and ends.
    pub(super) async fn close(&self, within: Duration) -> Result<(), KafkaError> {
        self.producer.close_with(CloseOptions::new().timeout(within)).await.map_err(|error| send_error(&error))
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session")
    }
}
