//! A server with routes whose every step a test decides.

mod routes;

use lameduck_lifecycle::{Ledger, Outcome};
use lameduck_server::{App, Bound, IdleHold, Options, Server};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// A running server and the gate its `/gate` handlers wait at.
pub(crate) struct Rig {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) gate: Arc<Semaphore>,
}

/// Options under which nothing ends by itself within a test.
pub(crate) fn options() -> Options {
    Options { idle_hold: IdleHold::For(Duration::ZERO), ..Options::default() }
}

impl Rig {
    pub(crate) fn new(options: Options) -> Self {
        Self::with(options, |app| app)
    }

    /// With more routes.
    pub(crate) fn with(options: Options, more: impl FnOnce(App) -> App) -> Self {
        let gate = Arc::new(Semaphore::new(0));
        let server = Server::new(options);
        let bound = Bound::bind(([127, 0, 0, 1], 0).into()).expect("bind");
        let address = server.serve(bound, more(routes::app(&gate))).expect("serve");
        Self { server, address, gate }
    }

    /// Lets `count` handlers pass.
    pub(crate) fn open(&self, count: usize) {
        self.gate.add_permits(count);
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.server.snapshot().ledger
    }

    /// Waits until so many requests are in flight.
    pub(crate) async fn in_flight(&self, count: u64) {
        eventually("in flight", || self.ledger().in_flight() == count).await;
    }

    /// Waits until a request has ended so.
    pub(crate) async fn outcome(&self, outcome: Outcome, count: u64) {
        eventually(outcome.as_str(), || self.ledger().outcome(outcome) == count).await;
    }

    /// Drains to the end, and holds the law up to what was counted.
    pub(crate) async fn finish(self) -> Ledger {
        self.server.drain(None);
        drained(&self.server).await;
        let ledger = self.ledger();
        ledger.check().expect("the law");
        assert_eq!(ledger.in_flight(), 0, "{}", ledger.sentence());
        ledger
    }
}

pub(crate) async fn drained(server: &Server) {
    let waited = tokio::time::timeout(Duration::from_secs(20), server.drained()).await;
    waited.unwrap_or_else(|_| panic!("not drained; left: {:#?}", server.stragglers(10)));
}

/// Waits for a condition that another thread brings about.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let mut asks = tokio::time::interval(Duration::from_millis(2));
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        asks.tick().await;
    }
    panic!("never: {what}");
}
