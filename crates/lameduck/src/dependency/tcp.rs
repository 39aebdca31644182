//! `tcp: HOST:PORT`: something accepts connections there.

use super::{Dependency, DependencyConfig, DependencyError, DependencyKind};
use crate::config::{HostPort, Key, TCP};
use tokio::net::TcpStream;

/// A dependency that answers when a TCP connection can be made.
#[derive(Clone, Debug)]
pub struct Tcp {
    address: String,
}

impl Tcp {
    /// `HOST:PORT`. Names are resolved at each attempt, so a moved service is found.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into() }
    }
}

impl Dependency for Tcp {
    type Handle = ();

    async fn connect(&self) -> Result<(), DependencyError> {
        let connected = TcpStream::connect(&self.address).await;
        connected.map(drop).map_err(|error| DependencyError::Transient(format!("tcp {}: {error}", self.address)))
    }

    async fn check(&self, (): &()) -> Result<(), DependencyError> {
        self.connect().await
    }
}

impl DependencyKind for Tcp {
    const KIND: &'static str = TCP.kind;
    const DOC: &'static str = TCP.doc;
    const KEYS: &'static [Key] = TCP.keys;
    const REQUIRED: bool = TCP.required;

    fn from_config(config: &DependencyConfig<'_>) -> Result<Self, String> {
        Ok(Self::new(config.get::<HostPort>(TCP.kind).to_string()))
    }
}
