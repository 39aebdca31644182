//! The answers to `GET /orders/{id}`, in the memory of this process. An order never changes, so nothing has to be
//! forgotten but for room.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const ORDERS_MAX: usize = 10_000;

/// Orders as JSON, by id. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Cache(Arc<Mutex<HashMap<String, Arc<str>>>>);

impl Cache {
    /// The order, if it is known.
    pub fn get(&self, id: &str) -> Option<Arc<str>> {
        self.lock().get(id).cloned()
    }

    /// Remembers an order. A full cache begins again.
    pub fn put(&self, id: &str, order: Arc<str>) {
        let mut orders = self.lock();
        if orders.len() >= ORDERS_MAX {
            orders.clear();
        }
        orders.insert(id.to_owned(), order);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<str>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
