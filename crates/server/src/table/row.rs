//! What others may know about one connection, and tell it. The hot path only stores here; sweep, drain and report read.

use super::orders::Told;
use super::request::{RequestCell, Stream};
use super::wake::Wake;
use crate::app::RouteTable;
use crate::clock;
use crate::guard::Guard;
use crate::shared::Shared;
use lameduck_lifecycle::{CloseReason, ConnectionState, Protocol};
use slab::Slab;
use std::net::SocketAddr;
use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU32, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Arc, Mutex, PoisonError};

/// One connection.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) shared: Arc<Shared>,
    pub(crate) routes: Arc<RouteTable>,
    pub(crate) id: u64,
    pub(crate) peer: SocketAddr,
    pub(crate) accepted_ns: u64,

    told: AtomicU32,
    /// Requests that have not ended.
    pub(crate) in_flight: AtomicU32,
    /// The last edge: first byte, a request began, a response ended.
    pub(crate) since_ns: AtomicU64,
    /// Bytes read from the socket.
    pub(crate) bytes_in: AtomicU64,
    /// `bytes_in` when the last request ended. Equal: the connection is between requests.
    pub(crate) mark: AtomicU64,
    /// The last four bytes read: whether they end a head.
    tail: AtomicU32,
    /// Requests so far.
    pub(crate) requests: AtomicU32,
    /// The kernel did not take all of the last write.
    pub(crate) unsent: AtomicBool,
    /// The last request had a body whose tail may come after the response.
    pub(crate) body_tail: AtomicBool,
    /// The last response said `Connection: close` (or GOAWAY) as the notice.
    pub(crate) noticed: AtomicBool,
    /// Our side is closed.
    pub(crate) closing: AtomicBool,
    /// The current request of an HTTP/1 connection.
    pub(crate) request: RequestCell,

    /// The current requests of an HTTP/2 connection.
    streams: Mutex<Slab<Arc<Stream>>>,
    pub(crate) waker: Wake,
    protocol: AtomicU8,
    /// Why it ends, plus one; the first to say so is right.
    reason: AtomicU8,
    /// Why it is to be closed if it is idle.
    idle_reason: AtomicU8,
    /// What closing it while idle is expected to lose, as the bits of an `f64`.
    value: AtomicU64,
    /// How long a request and our FIN can cross; 0 = not measured.
    pub(crate) window_us: AtomicU32,
    /// When the sweep first saw the beginning of a head.
    pub(crate) head_seen_ns: AtomicU64,
    /// When GOAWAY was told.
    pub(crate) go_away_ns: AtomicU64,
    /// Bytes the peer has not acknowledged, while we wait for that.
    pub(crate) unsent_bytes: AtomicU32,
    /// The request of an upgraded connection: ends with the socket.
    upgraded: Mutex<Option<Box<Guard>>>,
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
            told: AtomicU32::new(0),
            in_flight: AtomicU32::new(0),
            since_ns: AtomicU64::new(now),
            bytes_in: AtomicU64::new(0),
            mark: AtomicU64::new(0),
            tail: AtomicU32::new(0),
            requests: AtomicU32::new(0),
            unsent: AtomicBool::new(false),
            body_tail: AtomicBool::new(false),
            noticed: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            request: RequestCell::default(),
            streams: Mutex::default(),
            waker: Wake::default(),
            protocol: AtomicU8::new(Protocol::Unknown.index() as u8),
            reason: AtomicU8::new(0),
            idle_reason: AtomicU8::new(CloseReason::IdleDrained.index() as u8),
            value: AtomicU64::new(0),
            window_us: AtomicU32::new(0),
            head_seen_ns: AtomicU64::new(0),
            go_away_ns: AtomicU64::new(0),
            unsent_bytes: AtomicU32::new(0),
            upgraded: Mutex::default(),
        }
    }

    // === what the connection has been told ===

    /// What the connection has been told so far.
    #[inline]
    pub(crate) fn told(&self) -> Told {
        Told(self.told.load(Relaxed))
    }

    /// Tells the connection, and wakes its task.
    pub(crate) fn tell(&self, told: Told) {
        self.told.fetch_or(told.0, SeqCst);
        self.waker.wake();
    }

    /// Takes back what has been carried out.
    pub(crate) fn untell(&self, told: Told) {
        self.told.fetch_and(!told.0, SeqCst);
    }

    /// Ends the connection for `reason`, and with it the streams' tasks.
    pub(crate) fn kill(&self, reason: CloseReason) {
        self.ends_for(reason);
        self.tell(Told::KILL);
        self.each_stream(|stream| stream.tell(Told::KILL));
    }

    /// Closes the connection for `reason` if a look shows that it is idle; `value` is what that is expected to lose.
    pub(crate) fn close_if_idle(&self, reason: CloseReason, value: f64) {
        self.idle_reason.store(reason.index() as u8, Relaxed);
        self.value.store(value.to_bits(), Relaxed);
        self.tell(Told::CLOSE_IDLE);
    }

    /// GOAWAY, once.
    pub(crate) fn go_away(&self, now_ns: u64) {
        if self.go_away_ns.compare_exchange(0, now_ns, SeqCst, SeqCst).is_ok() {
            self.noticed.store(true, Relaxed);
            self.tell(Told::GO_AWAY);
        }
    }

    // === what it is ===

    /// What it speaks.
    pub(crate) fn protocol(&self) -> Protocol {
        Protocol::ALL[usize::from(self.protocol.load(Relaxed))]
    }

    /// The sniff has told.
    pub(crate) fn speaks(&self, protocol: Protocol) {
        self.protocol.store(protocol.index() as u8, Relaxed);
        if protocol == Protocol::Http2 {
            self.shared.table.speaks_http2();
            self.shared.recount();
        }
    }

    /// Bytes were read from the socket.
    #[inline]
    pub(crate) fn read(&self, bytes: &[u8]) {
        // One writer: the task that owns the socket.
        self.bytes_in.store(self.bytes_in.load(Relaxed) + bytes.len() as u64, Relaxed);
        let tail = match bytes.last_chunk() {
            Some(last) => u32::from_be_bytes(*last),
            None => bytes.iter().fold(self.tail.load(Relaxed), |tail, &byte| tail << 8 | u32::from(byte)),
        };
        self.tail.store(tail, Relaxed);
    }

    /// A request has ended. What was read behind its head is the next one's: if that is not whole, the connection is not idle.
    #[inline]
    pub(crate) fn mark_end(&self, has_body: bool) {
        let bytes_in = self.bytes_in.load(Relaxed);
        let tail = self.tail.load(Relaxed);
        // An empty line ends a head, with or without carriage returns.
        let ends_head = tail & 0x00ff_ffff == 0x000a_0d0a || tail & 0xffff == 0x0a0a;
        // Behind a body nobody can tell; the next head, as a rule, comes by itself.
        self.mark.store(if ends_head || has_body { bytes_in } else { bytes_in.wrapping_sub(1) }, Relaxed);
    }

    /// Between requests: nothing in flight, nothing begun, nothing left to send.
    pub(crate) fn is_idle(&self) -> bool {
        // The count first: the end of a request stores everything else before it.
        self.in_flight.load(SeqCst) == 0
            && !self.unsent.load(Relaxed)
            && self.mark.load(Relaxed) == self.bytes_in.load(Relaxed)
    }

    /// Where it is in its life.
    pub(crate) fn state(&self) -> ConnectionState {
        if self.closing.load(Relaxed) {
            ConnectionState::Closing
        } else if self.in_flight.load(SeqCst) > 0 {
            ConnectionState::Active
        } else if self.requests.load(Relaxed) == 0 {
            ConnectionState::New
        } else {
            ConnectionState::Idle
        }
    }

    // === streams ===

    /// A stream begins: its place among the streams.
    pub(crate) fn add_stream(&self, stream: Arc<Stream>) -> usize {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).insert(stream)
    }

    /// A stream has ended.
    pub(crate) fn remove_stream(&self, key: usize) {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).try_remove(key);
    }

    /// Looks at every stream.
    pub(crate) fn each_stream(&self, mut visit: impl FnMut(&Arc<Stream>)) {
        for (_, stream) in self.streams.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            visit(stream);
        }
    }

    // === upgrades ===

    /// The request goes on with the socket, for as long as somebody holds that.
    pub(crate) fn upgrade(&self, guard: Guard) {
        *self.upgraded.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(guard));
        self.told.fetch_or(Told::UPGRADED.0, SeqCst);
    }

    /// The socket is gone: the request, if it went on with it.
    pub(crate) fn take_upgraded(&self) -> Option<Box<Guard>> {
        self.upgraded.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    // === its end ===

    /// It ends for `reason`, unless another was first.
    pub(crate) fn ends_for(&self, reason: CloseReason) {
        // An error means that another was first, which is right.
        self.reason.compare_exchange(0, reason.index() as u8 + 1, SeqCst, SeqCst).ok();
    }

    /// It ends for `reason`, which explains better than what was known before.
    pub(crate) fn ends_rather_for(&self, reason: CloseReason) {
        self.reason.store(reason.index() as u8 + 1, SeqCst);
    }

    /// Why it ends; `None` while nobody knows.
    pub(crate) fn reason(&self) -> Option<CloseReason> {
        let index = usize::from(self.reason.load(SeqCst)).checked_sub(1)?;
        CloseReason::ALL.get(index).copied()
    }

    /// The look found it idle, and it closes.
    pub(crate) fn closes_idle(&self) {
        let reason = CloseReason::ALL.get(usize::from(self.idle_reason.load(Relaxed))).copied();
        self.ends_for(reason.unwrap_or(CloseReason::IdleDrained));
    }

    /// The look found that it had spoken: what its close was expected to lose is not spent.
    pub(crate) fn spared(&self) {
        self.shared.spared(f64::from_bits(self.value.swap(0, Relaxed)));
    }

    /// Counts the end.
    pub(super) fn leave(&self) {
        let reason = self.reason().unwrap_or(CloseReason::Finished);
        self.shared.closed.add(self.protocol(), reason);
        let fell_silent = matches!(reason, CloseReason::PeerClosed | CloseReason::PeerReset | CloseReason::IdleTimeout);
        if fell_silent && self.protocol() == Protocol::Http1 && self.requests.load(Relaxed) > 0 {
            let silence_ns = clock::now_ns().saturating_sub(self.since_ns.load(Relaxed));
            self.shared.silences.left(crate::cells::shard(), silence_ns / 1000);
        }
    }
}
