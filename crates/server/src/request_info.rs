//! What a handler can know of the connection that its request came on.

use crate::app::RouteOptions;
use crate::clock;
use crate::table::{RequestCell, Row, Stream};
use lameduck_lifecycle::Protocol;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The connection of a request. In the extensions of every request, beside axum's `ConnectInfo<SocketAddr>`.
///
/// ```
/// use axum::Extension;
/// use lameduck_server::Connection;
///
/// async fn handler(Extension(connection): Extension<Connection>) -> String {
///     format!("you are {}, on connection {}", connection.peer(), connection.id())
/// }
/// # drop(handler);
/// ```
#[derive(Clone)]
pub struct Connection {
    row: Arc<Row>,
    stream: Option<Arc<Stream>>,
    began_ns: u64,
}

impl Connection {
    pub(crate) fn new(row: Arc<Row>, stream: Option<Arc<Stream>>, began_ns: u64) -> Self {
        Self { row, stream, began_ns }
    }

    /// Its number: the one by which logs and `/drain` name it.
    pub fn id(&self) -> u64 {
        self.row.id
    }

    /// The name of the listener that it came to.
    pub fn listener(&self) -> &'static str {
        self.row.routes.listener.name
    }

    /// The other end.
    pub fn peer(&self) -> SocketAddr {
        self.row.peer
    }

    /// What it speaks.
    pub fn protocol(&self) -> Protocol {
        self.row.protocol()
    }

    /// Time until the client stops waiting for this request, by its own deadline (`grpc-timeout`). `None`: it named
    /// none. Then the server ends the request; a handler need not look, but may leave undone what would come too late.
    pub fn time_left(&self) -> Option<Duration> {
        let deadline_ns = self.cell().deadline_ns()?;
        Some(Duration::from_nanos(deadline_ns.saturating_sub(clock::now_ns())))
    }

    /// The version of TLS that it came by; `None`: plain.
    #[cfg(feature = "tls")]
    pub fn tls_version(&self) -> Option<crate::tls::TlsVersion> {
        self.row.session().map(|session| session.version)
    }

    /// A ready-made router has found the route.
    pub(crate) fn label(&self, label: &str, options: RouteOptions) {
        let number = self.row.routes.number_of(label, options);
        let due_ns = self.began_ns.saturating_add(self.row.routes.route(number).request_timeout_ns);
        self.cell().routed(number, due_ns);
    }

    fn cell(&self) -> &RequestCell {
        self.stream.as_ref().map_or(&self.row.request, |stream| &stream.request)
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let age = clock::now_ns().saturating_sub(self.row.accepted_ns);
        let mut shown = f.debug_struct("Connection");
        shown
            .field("id", &self.id())
            .field("listener", &self.listener())
            .field("peer", &self.peer())
            .field("protocol", &self.protocol());
        shown.field("age", &Duration::from_nanos(age)).finish()
    }
}
