//! What a listener is: a name, an address, the protocols that it speaks.

use crate::bound::Bound;
use crate::protocols::Protocols;
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

    /// Its connections speak TLS.
    #[cfg(feature = "tls")]
    pub fn set_tls(&mut self, tls: crate::tls::Tls) {
        self.bound.wrap.tls = Some(tls);
    }

    /// Whether its connections speak TLS.
    pub fn is_tls(&self) -> bool {
        self.bound.wrap.is_tls()
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
