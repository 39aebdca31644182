//! How other tasks reach a connection or a stream: orders as bits of one word, and the waker of the task that carries
//! them out.

use std::sync::atomic::{
    AtomicU32,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

/// Orders: a set of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order(u32);

impl Order {
    /// No order.
    pub(crate) const NONE: Self = Self(0);
    /// End now, whatever is under way.
    pub(crate) const KILL: Self = Self(1);
    /// HTTP/2: send GOAWAY.
    pub(crate) const GO_AWAY: Self = Self(2);
    /// Close, if a look shows that nothing is under way.
    pub(crate) const CLOSE_IDLE: Self = Self(4);
    /// Record the round-trip time.
    pub(crate) const MEASURE: Self = Self(8);
    /// The request has run out of time.
    pub(crate) const TIMEOUT: Self = Self(16);
    /// A state, not an order: the socket belongs to an upgraded protocol.
    pub(crate) const UPGRADED: Self = Self(32);
    /// A state: something came from the peer while its request is at work, which may be its end.
    pub(crate) const IN_DOUBT: Self = Self(64);
    /// Look whether the peer is still there, and takes what is sent.
    pub(crate) const CHECK: Self = Self(128);
    /// A state: the connection has reached its age, and its next response says so.
    pub(crate) const AGED: Self = Self(256);

    /// A state: what the socket was upgraded to is a WebSocket, which can be closed in order.
    pub(crate) const WEBSOCKET: Self = Self(512);
    /// End the stream in order: the process is leaving.
    pub(crate) const GOODBYE: Self = Self(1024);
    /// A state: a call that can be ended in order.
    pub(crate) const SUBSCRIPTION: Self = Self(2048);

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline]
    pub(crate) const fn has(self, any_of: Self) -> bool {
        self.0 & any_of.0 != 0
    }
}

/// The orders of one task. The task reads the word before anything else it does.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    word: AtomicU32,
    /// Not an `AtomicWaker`: that one forgets its waker with each wake, and would have to be given it again on the hot
    /// path.
    waker: Mutex<Option<Waker>>,
}

impl Orders {
    /// The orders so far.
    #[inline]
    pub(crate) fn read(&self) -> Order {
        Order(self.word.load(Relaxed))
    }

    /// Adds an order, and wakes the task.
    pub(crate) fn give(&self, order: Order) {
        self.note(order);
        self.wake();
    }

    /// Adds a state that the task itself has brought about: no wake.
    pub(crate) fn note(&self, state: Order) {
        self.word.fetch_or(state.0, SeqCst);
    }

    /// Takes back what has been carried out.
    pub(crate) fn clear(&self, order: Order) {
        self.word.fetch_and(!order.0, SeqCst);
    }

    /// From now on this task is woken.
    pub(crate) fn register(&self, waker: &Waker) {
        let mut registered = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *registered {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    fn wake(&self) {
        // Not under the lock: a waker may run anything.
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
