//! What a listener is: a name, an address, the protocols that it speaks.

use crate::bound::Bound;
use lameduck_lifecycle::Protocol;
use std::net::SocketAddr;

/// A listener to be: what [`Server::serve`](crate::Server::serve) takes beside the [`App`](crate::App).
///
/// A server has as many as it is given: they share its connection table, its ledger and its drain.
///
/// ```
/// use lameduck_server::{Bound, Listen, Protocols};
///
/// # fn main() -> Result<(), lameduck_server::BindError> {
/// let grpc = Listen::new("grpc", Bound::bind("127.0.0.1:0".parse().expect("an address"))?).protocols(Protocols::Http2);
/// # drop(grpc);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Listen {
    pub(crate) bound: Bound,
    pub(crate) facts: ListenerFacts,
}

/// The protocols that a listener speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocols {
    /// HTTP/1 and HTTP/2, by what the client begins with.
    #[default]
    All,
    /// HTTP/1 alone.
    Http1,
    /// HTTP/2 alone: what a gRPC port speaks.
    Http2,
}

/// What connections know of their listener.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListenerFacts {
    pub(crate) name: &'static str,
    pub(crate) protocols: Protocols,
}

impl Listen {
    /// A listener for all protocols at `bound`. Its name is the one by which logs and observers tell it from others.
    pub fn new(name: &'static str, bound: Bound) -> Self {
        Self { bound, facts: ListenerFacts { name, protocols: Protocols::All } }
    }

    /// Speaks only these. A client that begins with another is disconnected.
    #[must_use]
    pub fn protocols(mut self, protocols: Protocols) -> Self {
        self.facts.protocols = protocols;
        self
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.facts.name
    }

    /// Where it will listen.
    pub fn local_addr(&self) -> SocketAddr {
        self.bound.local_addr()
    }
}

/// The listener `http`, for all protocols.
impl From<Bound> for Listen {
    fn from(bound: Bound) -> Self {
        Self::new("http", bound)
    }
}

impl Protocols {
    /// Whether a client may speak `protocol` here.
    pub(crate) fn has(self, protocol: Protocol) -> bool {
        match (self, protocol) {
            (Self::All, _) | (_, Protocol::Unknown) => true,
            (Self::Http1, Protocol::Http1) | (Self::Http2, Protocol::Http2) => true,
            (Self::Http1, Protocol::Http2) | (Self::Http2, Protocol::Http1) => false,
        }
    }
}
