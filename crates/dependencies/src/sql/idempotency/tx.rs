//! The transaction of a request, on its way from the layer to the handler and back.

use crate::sql::Transaction;
use lameduck::axum::extract::FromRequestParts;
use lameduck::axum::http::StatusCode;
use lameduck::axum::http::request::Parts;
use lameduck::axum::response::{IntoResponse, Response};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The transaction of the request, for the handler of a route that [`Idempotency::on`](super::Idempotency::on) wraps.
/// It is not the handler's to commit.
#[derive(Debug)]
pub struct Tx {
    /// `None` only while it is dropped.
    transaction: Option<Transaction>,
    slot: Slot,
}

/// Where the transaction is while the handler does not have it.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot(Arc<Mutex<Option<Transaction>>>);

impl Slot {
    pub(super) fn with(transaction: Transaction) -> Self {
        Self(Arc::new(Mutex::new(Some(transaction))))
    }

    /// The transaction, if the handler has given it back.
    pub(super) fn take(&self) -> Option<Transaction> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Transaction>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Tx {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let slot = parts.extensions.get::<Slot>().cloned().unwrap_or_default();
        let transaction = slot.take();
        if transaction.is_none() {
            tracing::error!("a handler takes Tx, but its route is not wrapped by Idempotency::on, or takes it twice");
            return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        }
        Ok(Self { transaction, slot })
    }
}

impl Deref for Tx {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        self.transaction.as_ref().expect("it is there until the drop")
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Transaction {
        self.transaction.as_mut().expect("it is there until the drop")
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        *self.slot.lock() = self.transaction.take();
    }
}
