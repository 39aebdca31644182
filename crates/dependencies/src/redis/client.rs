//! What handlers call Redis with.

use super::error::RedisError;
use super::link::Link;
use bytes::Bytes;
use redis::{Cmd, FromRedisValue};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A client of Redis. Clones share one connection.
///
/// Every call is bounded: by `command_timeout`, by the time of the request that the caller serves, and by the deadline
/// of [`until`](Self::until). The first call that finds
/// Redis dead or too slow ends all the others with it, and from then on calls fail at once
/// ([`RedisError::Unavailable`]) until Redis answers a probe: a dead Redis costs one timeout, not one for each request.
#[derive(Clone, Debug)]
pub struct RedisClient {
    pub(super) link: Arc<Link>,
    deadline: Option<Instant>,
}

impl RedisClient {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link, deadline: None }
    }

    /// The same client, whose calls end at `deadline` at the latest.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Self {
        Self { link: Arc::clone(&self.link), deadline: Some(deadline) }
    }

    /// Whether calls are made at present.
    pub fn is_available(&self) -> bool {
        self.link.is_available()
    }

    /// The value of a key.
    ///
    /// # Errors
    /// See [`RedisError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, RedisError> {
        self.run(redis::cmd("GET").arg(key)).await
    }

    /// Sets a key, for `lifetime`.
    ///
    /// # Errors
    /// See [`RedisError`]. After a timeout the key may be set all the same.
    ///
    /// # Cancel safety
    /// Dropped, the key may or may not be set.
    pub async fn set(&self, key: &str, value: &[u8], lifetime: Duration) -> Result<(), RedisError> {
        let millis = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX).max(1);
        self.run(redis::cmd("SET").arg(key).arg(value).arg("PX").arg(millis)).await
    }

    /// Deletes a key.
    ///
    /// # Errors
    /// See [`RedisError`]. After a timeout the key may be deleted all the same.
    ///
    /// # Cancel safety
    /// Dropped, the key may or may not be deleted.
    pub async fn delete(&self, key: &str) -> Result<(), RedisError> {
        self.run::<u64>(redis::cmd("DEL").arg(key)).await.map(drop)
    }

    /// Any command: `client.run::<u64>(redis::cmd("INCR").arg("hits"))`. Blocking commands (`BLPOP`) and subscriptions
    /// are not for a connection that is shared.
    ///
    /// # Errors
    /// See [`RedisError`].
    ///
    /// # Cancel safety
    /// Dropped, the command may or may not have been carried out.
    pub async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        let value = self.link.call(command, self.deadline).await?;
        T::from_redis_value(value).map_err(|error| RedisError::Refused(error.into()))
    }
}
