//! What handlers call an object store with.

use super::error::{ObjectError, judge};
use super::place::Place;
use crate::calls::{Calls, Outcome};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use lameduck::{Call, DependencyError, DependencyUsage};
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt};
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// An operation without a body, and each part of a body, must end in this time.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);
/// An object that does not exist: the answer tells whether the store does.
const PROBE: &str = ".lameduck-probe";

/// Objects in a bucket, or files in a folder. A cheap handle.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub(super) store: Arc<dyn ObjectStore>,
    place: Arc<Place>,
    calls: Calls,
    transfers: Arc<Semaphore>,
}

/// An object that is being read.
pub struct Object {
    /// Bytes that the body has.
    pub size: u64,
    /// What the store calls this version.
    pub etag: Option<String>,
    /// When it was written.
    pub modified: SystemTime,
    body: BoxStream<'static, Result<Bytes, ObjectError>>,
}

impl Bucket {
    pub(super) fn new(store: Arc<dyn ObjectStore>, place: Arc<Place>, calls: Calls, transfers_max: usize) -> Self {
        Self { store, place, calls, transfers: Arc::new(Semaphore::new(transfers_max)) }
    }

    /// Reads an object, or a range of its bytes. Its body is streamed: at most a few chunks are in memory, and the
    /// store is read as fast as the body is.
    ///
    /// # Errors
    /// See [`ObjectError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Object, ObjectError> {
        let path = self.path(key)?;
        let permit = self.permit().await?;
        let options = GetOptions { range: range.map(Into::into), ..GetOptions::default() };
        let result = self.call("GetObject", self.store.get_opts(&path, options)).await?;
        let (size, etag) = (result.range.end - result.range.start, result.meta.e_tag.clone());
        let modified = result.meta.last_modified.into();
        Ok(Object { size, etag, modified, body: whole(result.into_stream(), size, permit) })
    }

    /// Deletes an object. One that does not exist is deleted as well.
    ///
    /// # Errors
    /// See [`ObjectError`].
    ///
    /// # Cancel safety
    /// Dropped, the object may or may not be deleted.
    pub async fn delete(&self, key: &str) -> Result<(), ObjectError> {
        let path = self.path(key)?;
        match self.call("DeleteObject", self.store.delete(&path)).await {
            Err(ObjectError::NotFound) => Ok(()),
            result => result,
        }
    }

    pub(super) fn path(&self, key: &str) -> Result<Path, ObjectError> {
        let path = self.place.path(key).map_err(|error| ObjectError::InvalidKey(error.to_string()))?;
        if key.is_empty() { Err(ObjectError::InvalidKey("it is empty".to_owned())) } else { Ok(path) }
    }

    /// The right to one transfer.
    pub(super) async fn permit(&self) -> Result<OwnedSemaphorePermit, ObjectError> {
        let patience = Call::time_left().unwrap_or(STEP_TIMEOUT).min(STEP_TIMEOUT);
        match timeout(patience, Arc::clone(&self.transfers).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(ObjectError::Unavailable("all transfers are in use".to_owned())),
        }
    }

    /// One operation: bounded, counted, traced.
    pub(super) async fn call<T>(
        &self,
        name: &'static str,
        operation: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, ObjectError> {
        let mut span = Call::begin(format!("S3/{name}"));
        span.attribute("rpc.system.name", "aws-api");
        span.attribute("rpc.method", name);
        let bound = Call::time_left().unwrap_or(STEP_TIMEOUT).min(STEP_TIMEOUT);
        let result = match timeout(bound, operation).await {
            Ok(result) => result.map_err(|error| ObjectError::of(&error)),
            Err(_) => Err(ObjectError::TimedOut(bound)),
        };
        self.calls.ended(match &result {
            Ok(_) | Err(ObjectError::NotFound) => Outcome::Succeeded,
            Err(ObjectError::TimedOut(_)) => Outcome::TimedOut,
            Err(_) => Outcome::Failed,
        });
        span.end(result.as_ref().err().map(ObjectError::kind));
        result
    }

    /// Whether the store answers as one does.
    pub(super) async fn probe(&self) -> Result<(), DependencyError> {
        let path = self.path(PROBE).map_err(DependencyError::permanent)?;
        let store = self.place.open_impatient()?;
        judge(store.get(&path).await.map(drop), &self.place)
    }

    pub(super) fn usage(&self) -> DependencyUsage {
        self.calls.usage()
    }
}

/// A body that ends with an error if it stops, or is shorter or longer than it should be. Holds the right to transfer.
fn whole(
    body: BoxStream<'static, object_store::Result<Bytes>>,
    size: u64,
    permit: OwnedSemaphorePermit,
) -> BoxStream<'static, Result<Bytes, ObjectError>> {
    let state = (body, 0_u64, Some(permit));
    stream::unfold(state, move |(mut body, mut read, permit)| async move {
        permit.as_ref()?;
        let chunk = match timeout(STEP_TIMEOUT, body.next()).await {
            Err(_) => Err(ObjectError::TimedOut(STEP_TIMEOUT)),
            Ok(Some(Err(error))) => Err(ObjectError::of(&error)),
            Ok(Some(Ok(chunk))) => {
                read += chunk.len() as u64;
                if read > size {
                    Err(wrong_length(size, read))
                } else {
                    return Some((Ok(chunk), (body, read, permit)));
                }
            }
            Ok(None) if read == size => return None,
            Ok(None) => Err(wrong_length(size, read)),
        };
        Some((chunk, (body, read, None)))
    })
    .boxed()
}

fn wrong_length(size: u64, read: u64) -> ObjectError {
    ObjectError::Corrupt(format!("{read} bytes of {size}"))
}

impl Object {
    /// The body. It ends with an error if it breaks off.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, ObjectError>> + Send + use<> {
        self.body
    }

    /// The body, checked against a SHA-256 (of the whole object) when its last byte has been read: a damaged body ends
    /// with [`ObjectError::Corrupt`], so that an HTTP response with it breaks off instead of looking complete.
    pub fn verified(self, sha256: [u8; 32]) -> impl Stream<Item = Result<Bytes, ObjectError>> + Send + use<> {
        let size = self.size;
        let state = Some((self.body, ring::digest::Context::new(&ring::digest::SHA256), 0_u64));
        stream::unfold(state, move |state| async move {
            let (mut body, mut digest, mut read) = state?;
            let item = match body.next().await {
                Some(Ok(chunk)) => {
                    digest.update(&chunk);
                    read += chunk.len() as u64;
                    if read < size {
                        return Some((Ok(chunk), Some((body, digest, read))));
                    }
                    // The last chunk is not handed out before the whole is known to be right.
                    let right = digest.finish().as_ref() == sha256;
                    if right { Ok(chunk) } else { Err(ObjectError::Corrupt("its SHA-256 is another".to_owned())) }
                }
                Some(Err(error)) => Err(error),
                None => return None,
            };
            Some((item, None))
        })
    }
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Object").field("size", &self.size).field("etag", &self.etag).finish_non_exhaustive()
    }
}
