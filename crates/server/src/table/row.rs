//! One connection as the rest of the server sees it. Each part is written through its own methods.

use super::activity::Activity;
use super::closing::Closing;
use super::orders::{Order, Orders};
use super::request::{RequestCell, Stream};
use crate::app::RouteTable;
use crate::cells::shard;
use crate::clock;
use crate::shared::Shared;
#[cfg(feature = "tls")]
use crate::tls::{ClientCertificate, TlsVersion};
use lameduck_lifecycle::{CloseReason, ConnectionState, Protocol};
use slab::Slab;
use std::fmt::Debug;
use std::net::SocketAddr;
#[cfg(feature = "tls")]
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One connection.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) shared: Arc<Shared>,
    pub(crate) routes: Arc<RouteTable>,
    pub(crate) id: u64,
    pub(crate) peer: SocketAddr,
    pub(crate) accepted_ns: u64,
    protocol: AtomicU8,
    /// What the handshake of TLS came to.
    #[cfg(feature = "tls")]
    session: OnceLock<Session>,
    /// What goes on.
    pub(crate) activity: Activity,
    /// What its task is ordered to do.
    pub(crate) orders: Orders,
    /// How it ends.
    pub(crate) closing: Closing,
    /// The current request of an HTTP/1 connection.
    pub(crate) request: RequestCell,
    /// The current requests of an HTTP/2 connection.
    streams: Mutex<Slab<Arc<Stream>>>,
    /// The request of an upgraded connection.
    upgraded: Mutex<Option<Box<dyn EndsWithSocket>>>,
    /// The close code that a WebSocket gets when the process leaves.
    goodbye_code: AtomicU16,
}

/// What a handshake of TLS came to.
#[cfg(feature = "tls")]
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) version: TlsVersion,
    /// What the client has proved itself by.
    pub(crate) client: Option<ClientCertificate>,
}

/// What goes on with the socket of an upgraded connection, and ends with it.
pub(crate) trait EndsWithSocket: Debug + Send {
    /// The socket is gone: closed, or (`cut`) reset or cut at the deadline.
    fn ended(self: Box<Self>, cut: bool);
}

impl Row {
    pub(super) fn new(shared: Arc<Shared>, routes: Arc<RouteTable>, id: u64, peer: SocketAddr) -> Self {
        let now = clock::now_ns();
        Self {
            shared,
            routes,
            id,
            peer,
            accepted_ns: now,
            #[cfg(feature = "tls")]
            session: OnceLock::new(),
            protocol: AtomicU8::new(Protocol::Unknown.index() as u8),
            activity: Activity::new(now),
            orders: Orders::default(),
            closing: Closing::default(),
            request: RequestCell::default(),
            streams: Mutex::default(),
            upgraded: Mutex::default(),
            goodbye_code: AtomicU16::new(0),
        }
    }

    /// What it speaks.
    pub(crate) fn protocol(&self) -> Protocol {
        Protocol::ALL[usize::from(self.protocol.load(Relaxed))]
    }

    /// The first bytes have shown what it speaks.
    pub(crate) fn set_protocol(&self, protocol: Protocol) {
        self.protocol.store(protocol.index() as u8, Relaxed);
        if protocol == Protocol::Http2 {
            self.shared.table.speaks_http2();
            self.shared.recount();
        }
    }

    /// The handshake has ended well: once.
    #[cfg(feature = "tls")]
    pub(crate) fn set_session(&self, session: Session) {
        self.session.get_or_init(|| session);
    }

    /// What the handshake came to; `None`: plain, or not yet.
    #[cfg(feature = "tls")]
    pub(crate) fn session(&self) -> Option<&Session> {
        self.session.get()
    }

    /// Where it is in its life.
    pub(crate) fn state(&self) -> ConnectionState {
        if self.closing.has_begun() {
            ConnectionState::Closing
        } else if self.activity.in_flight() > 0 {
            ConnectionState::Active
        } else if self.activity.requests() == 0 {
            ConnectionState::New
        } else {
            ConnectionState::Idle
        }
    }

    /// Its end has been decided, or is not ours to decide: closing, ordered to close, or upgraded.
    pub(crate) fn is_settled(&self) -> bool {
        self.closing.has_begun() || self.orders.read().has(Order::CLOSE_IDLE.or(Order::KILL).or(Order::UPGRADED))
    }

    /// Between requests of HTTP/1: what a drain may close, at a price.
    pub(crate) fn is_kept_alive(&self) -> bool {
        self.protocol() == Protocol::Http1 && self.activity.requests() > 0 && self.activity.is_idle()
    }

    /// Whether its peer may have gone without a sign that its task would see.
    pub(crate) fn is_in_doubt(&self) -> bool {
        !self.is_settled() && (self.orders.read().has(Order::IN_DOUBT) || self.activity.unsent())
    }

    /// Whether we have cut it: a request that has not ended by now gets no response, through no doing of its client.
    pub(crate) fn is_cut(&self) -> bool {
        self.orders.read().has(Order::KILL)
            && matches!(self.closing.reason(), Some(CloseReason::Forced | CloseReason::ConnectionAge))
    }

    // Verbs: what sweep, drain and deadline do to it.

    /// Ends the connection for `reason`, and with it the streams' tasks.
    pub(crate) fn kill(&self, reason: CloseReason) {
        self.closing.set_reason(reason);
        self.orders.give(Order::KILL);
        self.each_stream(|stream| stream.orders.give(Order::KILL));
    }

    /// Closes the connection for `reason` if a look shows that it is idle; `value` is what that is expected to lose.
    pub(crate) fn close_if_idle(&self, reason: CloseReason, value: f64) {
        self.closing.plan_idle(reason, value);
        self.orders.give(Order::CLOSE_IDLE);
    }

    /// The look found that it had spoken: what its close was expected to lose is given back.
    pub(crate) fn refund(&self) {
        self.shared.refund(self.closing.take_idle_value());
    }

    /// GOAWAY, once.
    pub(crate) fn go_away(&self, now_ns: u64) {
        if self.closing.go_away(now_ns) {
            self.closing.notice();
            self.orders.give(Order::GO_AWAY);
        }
    }

    // Streams.

    /// A stream begins: its place among the streams.
    pub(crate) fn add_stream(&self, stream: Arc<Stream>) -> usize {
        lock(&self.streams).insert(stream)
    }

    /// A stream has ended.
    pub(crate) fn remove_stream(&self, key: usize) {
        lock(&self.streams).try_remove(key);
    }

    /// Looks at every stream.
    pub(crate) fn each_stream(&self, mut visit: impl FnMut(&Arc<Stream>)) {
        for (_, stream) in lock(&self.streams).iter() {
            visit(stream);
        }
    }

    // The socket in other hands.

    /// The request goes on with the socket, as long as that is held by anything.
    pub(crate) fn upgrade(&self, request: Box<dyn EndsWithSocket>) {
        *lock(&self.upgraded) = Some(request);
        self.orders.note(Order::UPGRADED);
    }

    /// What the socket was upgraded to is a WebSocket: it is closed with this code when the process leaves.
    pub(crate) fn speaks_websocket(&self, goodbye_code: u16) {
        self.goodbye_code.store(goodbye_code, Relaxed);
        self.orders.note(Order::WEBSOCKET);
        crate::goodbye::begins(&self.shared, &self.orders);
    }

    /// Whether it is a WebSocket that can be closed in order.
    pub(crate) fn is_websocket(&self) -> bool {
        self.orders.read().has(Order::WEBSOCKET)
    }

    /// See [`speaks_websocket`](Self::speaks_websocket).
    pub(crate) fn goodbye_code(&self) -> u16 {
        self.goodbye_code.load(Relaxed)
    }

    /// The socket is gone. The request holds the row, so the row must not hold the request any longer.
    pub(crate) fn end_upgraded(&self, cut: bool) {
        let upgraded = lock(&self.upgraded).take();
        if let Some(request) = upgraded {
            request.ended(cut);
        }
    }

    /// Counts the end.
    pub(super) fn leave(&self) {
        let reason = self.closing.reason().unwrap_or(CloseReason::Finished);
        self.shared.closed.add(self.protocol(), reason);
        let fell_silent = matches!(reason, CloseReason::PeerClosed | CloseReason::PeerReset | CloseReason::IdleTimeout);
        if fell_silent && self.protocol() == Protocol::Http1 && self.activity.requests() > 0 {
            let silence = self.activity.silence(clock::now_ns());
            self.shared.silences.record_censored(shard(), silence.as_micros() as u64);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
