//! A waker that stays: whoever tells a task something wakes it, as often as that happens.

use std::sync::{Mutex, PoisonError};
use std::task::Waker;

/// The task to wake. Not an `AtomicWaker`: that one forgets its waker with each wake, and would have to be given it again on the
/// hot path.
#[derive(Debug, Default)]
pub(crate) struct Wake(Mutex<Option<Waker>>);

impl Wake {
    /// From now on this task is woken.
    pub(crate) fn register(&self, waker: &Waker) {
        let mut registered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *registered {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// Wakes the task, if there is one.
    pub(crate) fn wake(&self) {
        // Not under the lock: a waker may run anything.
        let waker = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
