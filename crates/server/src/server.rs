//! The handle: one server, its listeners, and the verbs of its life.

use crate::accept::Listener;
use crate::admission::{DRAINING, FORCED};
use crate::app::App;
use crate::arrivals::Arrivals;
#[cfg(doc)]
use crate::bound::Bound;
use crate::histogram::{CallHistogram, RouteHistogram, merge};
use crate::in_flight::{self, InFlight};
use crate::listen::Listen;
use crate::numbers::Numbers;
use crate::options::Options;
use crate::shared::Shared;
use crate::{clock, drain, goodbye, stragglers, sweep};
use lameduck_lifecycle::{CloseReason, Straggler};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, PoisonError};
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// A server: one connection table and one ledger for all its listeners. A cheap handle; clones are the same server.
///
/// Its life is one-way: serving, [`lame_duck`](Self::lame_duck), [`drain`](Self::drain), [`force`](Self::force). A verb
/// that comes again, or late, changes nothing.
#[derive(Clone, Debug)]
pub struct Server {
    shared: Arc<Shared>,
}

impl Server {
    /// A server that does not listen yet.
    pub fn new(options: Options) -> Self {
        Self { shared: Arc::new(Shared::new(options)) }
    }

    /// Begins to listen and to accept on the current tokio runtime, which becomes the one that all connections run on.
    /// To be called for each listener; a plain [`Bound`] is the listener `http`.
    ///
    /// # Errors
    /// What `listen` says; or the server is draining already.
    ///
    /// # Panics
    /// Outside a tokio runtime, and as [`App::route`].
    pub fn serve(&self, listen: impl Into<Listen>, app: App) -> io::Result<SocketAddr> {
        let shared = &self.shared;
        let Listen { bound, facts } = listen.into();
        let (router, routes) = app.build(&shared.options.limits, facts);
        let routes = Arc::new(routes);
        let (address, wrap) = (bound.local_addr(), bound.wrap.clone());

        shared.runtime.get_or_init(|| {
            tokio::spawn(sweep::run(Arc::downgrade(shared)));
            Handle::current()
        });
        // Register first, look second: a drain sees this listener, or this listener sees the drain.
        shared.listeners.fetch_add(1, SeqCst);
        let leaving = shared.admission.after_registering() & (DRAINING | FORCED) != 0;
        let listener = match bound.listen() {
            Ok(listener) if !leaving => listener,
            unused => {
                shared.listeners.fetch_sub(1, SeqCst);
                shared.look_whether_drained();
                return Err(unused.err().unwrap_or_else(|| io::Error::other("the server is draining")));
            }
        };
        shared.routes.lock().unwrap_or_else(PoisonError::into_inner).push(routes.clone());
        tokio::spawn(Listener::new(shared.clone(), routes, router, wrap).run(listener));
        Ok(address)
    }

    /// The notice begins: clients are told to leave, while everything is still accepted and served.
    pub fn lame_duck(&self) {
        let shared = &self.shared;
        let now = clock::now_ns();
        if shared.admission.leave(now) {
            shared.arrivals.freeze(now);
            drain::freeze_rates(shared);
        }
    }

    /// The accept queue is flushed, the listeners close, connections end one by one. Without a
    /// [`lame_duck`](Self::lame_duck) before, the notice begins now, for everybody at once.
    ///
    /// `deadline` only bounds how long idle connections are held: cutting what is left is [`force`](Self::force)'s. A
    /// further call may bring an earlier one.
    pub fn drain(&self, deadline: Option<Instant>) {
        self.lame_duck();
        let shared = &self.shared;
        *shared.deadline.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
        if shared.admission.drain(clock::now_ns()) {
            if let Some(runtime) = shared.runtime.get() {
                runtime.spawn(drain::run(shared.clone()));
                runtime.spawn(goodbye::run(shared.clone()));
            }
            shared.phase.send_replace(());
            shared.look_whether_drained();
        }
    }

    /// The deadline has come: what is left ends as aborted, and listeners that are still open are dropped without a
    /// flush. A handler that does not yield cannot be ended; its request counts as aborted from now on.
    pub fn force(&self) {
        self.lame_duck();
        let shared = &self.shared;
        if shared.admission.force() {
            shared.phase.send_replace(());
            shared.table.each(|row| row.kill(CloseReason::Forced));
            shared.look_whether_drained();
        }
    }

    /// Waits until no listener is open: what connects from then on is refused. Level-triggered, so before
    /// [`serve`](Self::serve) it returns at once.
    ///
    /// # Cancel safety
    /// Cancel safe; nothing is lost by dropping it.
    pub async fn not_listening(&self) {
        let mut phase = self.shared.phase.subscribe();
        // Subscribed first, looked second: a close in between is not missed.
        while self.shared.listeners.load(SeqCst) > 0 {
            if phase.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until the listeners are closed and nothing is left. Level-triggered: at once if that is so already.
    ///
    /// # Cancel safety
    /// Cancel safe; nothing is lost by dropping it.
    pub async fn drained(&self) {
        self.shared.drained().await;
    }

    /// New connections while leaving. Changes come only then.
    pub fn arrivals(&self) -> watch::Receiver<Arrivals> {
        self.shared.arrivals.subscribe()
    }

    /// New connections a second over the last minute before leaving; `None` before there is anything to say.
    pub fn arrival_rate(&self) -> Option<f64> {
        self.shared.arrivals.rate()
    }

    /// What is counted, now. A pass over the connections; a few times a second is fine.
    pub fn snapshot(&self) -> Numbers {
        self.shared.numbers()
    }

    /// Who is left, oldest first, at most `most`.
    pub fn stragglers(&self, most: usize) -> Vec<Straggler> {
        stragglers::list(&self.shared, most)
    }

    /// Requests in flight, oldest first, at most `most`, and how many more there are. A pass over the connections.
    pub fn in_flight(&self, most: usize) -> (Vec<InFlight>, u64) {
        in_flight::list(&self.shared, most)
    }

    /// Durations of gRPC calls by route and status.
    pub fn call_histograms(&self) -> Vec<CallHistogram> {
        let mut out = Vec::new();
        for routes in self.shared.routes.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            routes.collect_calls(&mut out);
        }
        merge(out, |one| (one.route.clone(), one.status), |one| &mut one.durations)
    }

    /// Durations of other requests by method, route and status.
    pub fn histograms(&self) -> Vec<RouteHistogram> {
        let mut out = Vec::new();
        for routes in self.shared.routes.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            routes.collect(&mut out);
        }
        merge(out, |one| (one.method, one.route.clone(), one.status), |one| &mut one.durations)
    }
}
