//! One listener: accepts as long as the table has a free place, and closes without losing a connection when the drain
//! comes.

mod close;
mod failures;
mod pace;

use crate::admission::{DRAINING, FORCED, LEAVING};
use crate::app::RouteTable;
use crate::connection;
use crate::descriptors::Reserve;
use crate::kernel;
use crate::shared::Shared;
use crate::transport::Wrap;
use axum::Router;
use failures::AcceptFailures;
use pace::RoundTrips;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// Descriptors that a listener keeps for its last accepts, when the process may have none left.
const RESERVED_DESCRIPTORS: usize = 8;

/// Of this many accepted connections one tells its round-trip time; while leaving, each does.
const ROUND_TRIP_OF_EVERY: u32 = 16;

/// What is served at one address.
#[derive(Debug)]
pub(crate) struct Listener {
    shared: Arc<Shared>,
    routes: Arc<RouteTable>,
    router: Router,
    wrap: Wrap,
    reserve: Reserve,
    /// How far away clients are: as long as that, handshakes can still complete.
    round_trips: RoundTrips,
    accepted: u32,
    last_accept: Option<Instant>,
}

impl Listener {
    pub(crate) fn new(shared: Arc<Shared>, routes: Arc<RouteTable>, router: Router, wrap: Wrap) -> Self {
        Self {
            shared,
            routes,
            router,
            wrap,
            reserve: Reserve::new(RESERVED_DESCRIPTORS),
            round_trips: RoundTrips::default(),
            accepted: 0,
            last_accept: None,
        }
    }

    /// Accepts until the drain, then closes `listener`.
    pub(crate) async fn run(mut self, listener: TcpListener) {
        let mut failures = AcceptFailures::none();
        let mut phase = self.shared.phase.subscribe();
        while self.state() & (DRAINING | FORCED) == 0 {
            tokio::select! {
                biased;
                _ = phase.changed() => {}
                accepted = self.accept(&listener) => match accepted {
                    Ok((stream, peer)) => {
                        failures.over();
                        self.serve(stream, peer);
                    }
                    Err(error) => {
                        let wait = failures.with(&error, &self.shared);
                        tokio::select! {
                            _ = phase.changed() => {}
                            () = tokio::time::sleep(wait) => {}
                        }
                    }
                },
            }
        }
        self.close(listener).await;
    }

    fn state(&self) -> u32 {
        self.shared.admission.after_registering()
    }

    /// The next connection, once the table has a place for it.
    async fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        let shared = &self.shared;
        while shared.table.len() >= shared.options.limits.connections {
            let mut left = std::pin::pin!(shared.left.notified());
            left.as_mut().enable();
            if shared.table.len() >= shared.options.limits.connections {
                left.await;
            }
        }
        listener.accept().await
    }

    fn serve(&mut self, stream: TcpStream, peer: SocketAddr) {
        let leaving = self.state() & LEAVING != 0;
        self.accepted = self.accepted.wrapping_add(1);
        if leaving || self.accepted % ROUND_TRIP_OF_EVERY == 1 {
            self.last_accept = Some(Instant::now());
            self.round_trips.add(kernel::least_round_trip(&stream));
        }
        // Fails only on a socket that is dead already, which the connection finds out for itself.
        stream.set_nodelay(true).ok();
        self.shared.arrivals.record(leaving);
        // A dual-stack socket shows IPv4 clients as IPv6 ones.
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        match self.wrap.wrap(stream, self.routes.listener.protocols) {
            Ok(transport) => connection::spawn(&self.shared, &self.routes, &self.router, transport, peer),
            Err(error) => tracing::error!(%error, "TLS cannot begin"),
        }
    }

    /// The listener has closed.
    fn closed(self) {
        self.shared.listeners.fetch_sub(1, SeqCst);
        self.shared.phase.send_replace(());
        self.shared.look_whether_drained();
    }
}
