//! What may be behind a cache.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::time::Duration;

/// A store of bytes that all replicas share. It must be bounded in time by itself; errors are sentences for the log.
pub trait Store: Send + Sync + 'static {
    /// The value of a key.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, String>>;
    /// Sets a key, for `lifetime`.
    fn set<'a>(&'a self, key: &'a str, value: Bytes, lifetime: Duration) -> BoxFuture<'a, Result<(), String>>;
    /// Deletes a key.
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), String>>;
}

#[cfg(feature = "redis")]
mod of_redis {
    use super::{BoxFuture, Bytes, Duration, Store};
    use crate::redis::RedisClient;
    use lameduck::WhenConnected;

    impl Store for RedisClient {
        fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, String>> {
            Box::pin(async move { Self::get(self, key).await.map_err(|error| error.to_string()) })
        }

        fn set<'a>(&'a self, key: &'a str, value: Bytes, lifetime: Duration) -> BoxFuture<'a, Result<(), String>> {
            Box::pin(async move { Self::set(self, key, &value, lifetime).await.map_err(|error| error.to_string()) })
        }

        fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), String>> {
            Box::pin(async move { Self::delete(self, key).await.map_err(|error| error.to_string()) })
        }
    }

    const ABSENT: &str = "redis is not connected";

    /// An optional Redis: while it is not connected, nothing is kept in it.
    impl Store for WhenConnected<RedisClient> {
        fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, String>> {
            Box::pin(async move { Store::get(&Self::get(self).ok_or(ABSENT)?, key).await })
        }

        fn set<'a>(&'a self, key: &'a str, value: Bytes, lifetime: Duration) -> BoxFuture<'a, Result<(), String>> {
            Box::pin(async move { Store::set(&Self::get(self).ok_or(ABSENT)?, key, value, lifetime).await })
        }

        fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), String>> {
            Box::pin(async move { Store::delete(&Self::get(self).ok_or(ABSENT)?, key).await })
        }
    }
}
