//! Where /update puts its objects: a map in memory with a bound. A real service has its database here.

use crate::error::Error;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

const OBJECTS_MAX: usize = 10_000;
const BYTES_MAX: usize = 64 << 20;

/// Objects by id. Clones share one map.
#[derive(Clone, Debug, Default)]
pub struct Store {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    objects: HashMap<String, String>,
    bytes: usize,
}

/// What an upsert did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upsert {
    /// There was nothing under this id.
    Created,
    /// There was, and it is gone.
    Replaced,
}

impl Store {
    /// Puts `object` (JSON text) under `id`.
    ///
    /// # Errors
    /// [`Error::Full`] if there is no room; what is stored stays.
    pub fn upsert(&self, id: String, object: String) -> Result<Upsert, Error> {
        // A panic cannot leave the map half-changed: nothing between the changes can panic.
        let mut guard = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Inner { objects, bytes } = &mut *guard;
        let count = objects.len();
        match objects.entry(id) {
            Entry::Occupied(mut entry) => {
                let after = *bytes - entry.get().len() + object.len();
                if after > BYTES_MAX {
                    return Err(Error::Full("objects"));
                }
                *bytes = after;
                entry.insert(object);
                Ok(Upsert::Replaced)
            }
            Entry::Vacant(entry) => {
                let after = *bytes + entry.key().len() + object.len();
                if count == OBJECTS_MAX || after > BYTES_MAX {
                    return Err(Error::Full("objects"));
                }
                *bytes = after;
                entry.insert(object);
                Ok(Upsert::Created)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upsert_creates_then_replaces() {
        let store = Store::default();
        assert_eq!(store.upsert("a".to_owned(), "{}".to_owned()), Ok(Upsert::Created));
        assert_eq!(store.upsert("a".to_owned(), r#"{"b":1}"#.to_owned()), Ok(Upsert::Replaced));
        assert_eq!(store.inner.lock().unwrap().objects["a"], r#"{"b":1}"#);
    }

    #[test]
    fn a_full_store_refuses_new_ids_and_keeps_the_old() {
        let store = Store::default();
        for id in 0..OBJECTS_MAX {
            store.upsert(id.to_string(), "{}".to_owned()).unwrap();
        }
        assert_eq!(store.upsert("one more".to_owned(), "{}".to_owned()), Err(Error::Full("objects")));
        assert_eq!(store.upsert("0".to_owned(), "{}".to_owned()), Ok(Upsert::Replaced));
    }

    #[test]
    fn bytes_are_bounded_too_and_given_back() {
        let store = Store::default();
        let large = "x".repeat(BYTES_MAX / 2);
        store.upsert("a".to_owned(), large.clone()).unwrap();
        assert_eq!(store.upsert("b".to_owned(), large.clone()), Err(Error::Full("objects")));
        store.upsert("a".to_owned(), "{}".to_owned()).unwrap();
        assert_eq!(store.upsert("b".to_owned(), large), Ok(Upsert::Created));
    }
}
