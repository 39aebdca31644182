//! A cache of hot results: in the process, bounded in bytes, and behind it a store that all replicas share.
//!
//! A result is *fresh* for a time, in which it is served as it is. Then it is *stale*: it is still served, and loaded
//! again in the background, once. Then it is gone, and the callers that ask for it share one load. A store that is away
//! is done without.

mod entry;
mod metrics;
mod stamps;
mod store;

pub use metrics::CacheMetrics;
pub use store::Store;

use bytes::Bytes;
use entry::{Age, Entry};
use metrics::Lookup;
use stamps::Stamps;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Background loads and writes to the store at a time. What does not fit is left out: the result stays stale a little
/// longer, the store does not get it.
const BACKGROUND_MAX: usize = 64;
/// Bytes that an entry takes besides its key and its value, about.
const ENTRY_BYTES: usize = 256;

/// For how long results are served, and how much is kept.
#[derive(Clone, Debug)]
pub struct CacheOptions {
    /// The first part of the keys in the store: `orders:order:1:`. Change it when the form of the values changes, so
    /// that old and new replicas do not read each other's values.
    pub prefix: String,
    /// For how long a result is served as it is: also the longest time in which other replicas do not see a change.
    pub fresh: Duration,
    /// For how long after that it is served while it is loaded again.
    pub stale: Duration,
    /// The most bytes in the process, keys and overhead included.
    pub bytes_max: u64,
}

/// See the module. Clones are the same.
///
/// ```
/// use lameduck_dependencies::cache::{Cache, CacheOptions};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let cache = Cache::new(CacheOptions {
///     prefix: "orders:order:1:".to_owned(),
///     fresh: Duration::from_secs(5),
///     stale: Duration::from_secs(60),
///     bytes_max: 16 << 20,
/// });
/// let load = async || Ok::<_, std::io::Error>(Some("from the database".into()));
/// let order = cache.get("42", load).await.unwrap();
/// assert_eq!(order.unwrap(), "from the database");
/// # }
/// ```
#[derive(Clone)]
pub struct Cache {
    inner: Arc<Inner>,
}

struct Inner {
    options: CacheOptions,
    near: moka::future::Cache<String, Entry>,
    far: Option<Arc<dyn Store>>,
    stamps: Stamps,
    metrics: CacheMetrics,
    background: Arc<Semaphore>,
}

/// The load failed; all callers that waited for it get the same error.
#[derive(Debug)]
pub struct LoadError<E>(Arc<Missed<E>>);

/// Why there is no entry.
#[derive(Debug)]
enum Missed<E> {
    /// There is no such thing: not kept, for it may be made at any time.
    Absent,
    Failed(E),
}

impl<E> LoadError<E> {
    /// What the load returned.
    ///
    /// # Panics
    /// Never: an absent result is no error.
    pub fn get(&self) -> &E {
        match self.0.as_ref() {
            Missed::Failed(error) => error,
            Missed::Absent => unreachable!("an absent result is Ok(None)"),
        }
    }
}

impl<E: fmt::Display> fmt::Display for LoadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl<E: std::error::Error + 'static> std::error::Error for LoadError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.get().source()
    }
}

/// How to load a result: used at most once, by the caller that waits or in the background.
type Loader<F> = Arc<Mutex<Option<F>>>;

impl Cache {
    /// In this process alone.
    pub fn new(options: CacheOptions) -> Self {
        Self::build(options, None)
    }

    /// Backed by a store that all replicas share: a [`RedisClient`](crate::redis::RedisClient), or the handle of an
    /// optional one.
    pub fn with_store(options: CacheOptions, store: impl Store) -> Self {
        Self::build(options, Some(Arc::new(store)))
    }

    fn build(options: CacheOptions, far: Option<Arc<dyn Store>>) -> Self {
        let weigh = |key: &String, entry: &Entry| {
            u32::try_from(key.len() + entry.value.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        let near = moka::future::Cache::builder()
            .max_capacity(options.bytes_max)
            .weigher(weigh)
            .time_to_live(options.fresh + options.stale)
            .build();
        let background = Arc::new(Semaphore::new(BACKGROUND_MAX));
        let metrics = CacheMetrics::default();
        Self { inner: Arc::new(Inner { options, near, far, stamps: Stamps::default(), metrics, background }) }
    }

    /// The result for `key`. `load` is called if there is none, once for all callers that ask at the same time, and in
    /// the background if the result is stale. `Ok(None)`, from a load: there is no such thing; that is not kept.
    ///
    /// # Errors
    /// What `load` returned, to all who waited for it. Not kept: the next caller tries again.
    ///
    /// # Cancel safety
    /// Cancel safe: if the caller whose load is under way goes, another one that waits loads.
    pub async fn get<F, Fut, E>(&self, key: &str, load: F) -> Result<Option<Bytes>, LoadError<E>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Option<Bytes>, E>> + Send,
        E: Send + Sync + 'static,
    {
        let inner = &self.inner;
        let loader: Loader<F> = Arc::new(Mutex::new(Some(load)));
        let (entry, found) = match inner.near.get(key).await {
            Some(entry) if entry.age(&inner.options, Instant::now()) != Age::Gone => (entry, true),
            gone => {
                if gone.is_some() {
                    inner.near.invalidate(key).await;
                }
                let fetched = Arc::clone(&self.inner).fetch(key.to_owned(), Arc::clone(&loader));
                match inner.near.try_get_with_by_ref(key, fetched).await {
                    Ok(entry) => (entry, false),
                    Err(missed) => {
                        let absent = matches!(missed.as_ref(), Missed::Absent);
                        inner.metrics.count(if absent { Lookup::Absent } else { Lookup::Failed });
                        return if absent { Ok(None) } else { Err(LoadError(missed)) };
                    }
                }
            }
        };
        let stale = entry.age(&inner.options, Instant::now()) != Age::Fresh;
        if stale && entry.claim(Instant::now()) {
            self.refresh(key, entry.clone(), &loader);
        }
        inner.metrics.count(match (stale, found) {
            (true, _) => Lookup::Stale,
            (false, true) => Lookup::Fresh,
            (false, false) => Lookup::Loaded,
        });
        Ok(Some(entry.value))
    }

    /// Forgets a result that has changed, here and in the store. Other replicas serve what they have until it is no
    /// longer fresh.
    ///
    /// # Cancel safety
    /// Dropped, the store may keep what it has until that is gone.
    pub async fn invalidate(&self, key: &str) {
        let inner = &self.inner;
        inner.stamps.touch(key);
        inner.near.invalidate(key).await;
        if let Some(far) = &inner.far
            && let Err(error) = far.delete(&inner.far_key(key)).await
        {
            tracing::warn!(error, "a changed result may be served for {:?} more: {error}", inner.options.lifetime());
        }
    }

    /// Its metrics, to be registered: `start.registry().register(Box::new(cache.metrics("orders")))`.
    pub fn metrics(&self, name: &str) -> CacheMetrics {
        let near = self.inner.near.clone();
        self.inner.metrics.named(name, move || near.weighted_size())
    }

    fn refresh<F, Fut, E>(&self, key: &str, entry: Entry, loader: &Loader<F>)
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Option<Bytes>, E>> + Send,
        E: Send + Sync + 'static,
    {
        let permit = Arc::clone(&self.inner.background).try_acquire_owned();
        let (Ok(permit), Some(load)) = (permit, take(loader)) else { return entry.give_up(Instant::now()) };
        let (inner, key) = (Arc::clone(&self.inner), key.to_owned());
        tokio::spawn(async move {
            let stamp = inner.stamps.of(&key);
            match load().await {
                Ok(Some(value)) => {
                    let fresh = Entry::new(value, Instant::now());
                    if inner.stamps.of(&key) == stamp {
                        inner.near.insert(key.clone(), fresh.clone()).await;
                        inner.keep(&key, &fresh).await;
                    }
                }
                Ok(None) => inner.near.invalidate(&key).await,
                Err(_) => entry.give_up(Instant::now()),
            }
            drop(permit);
        });
    }
}

impl Inner {
    /// From the store, or else loaded.
    async fn fetch<F, Fut, E>(self: Arc<Self>, key: String, loader: Loader<F>) -> Result<Entry, Missed<E>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Option<Bytes>, E>> + Send,
    {
        let stamp = self.stamps.of(&key);
        if let Some(far) = &self.far
            && let Ok(Some(record)) = far.get(&self.far_key(&key)).await
            && let Some(entry) = Entry::decode(record, Instant::now())
            && entry.age(&self.options, Instant::now()) != Age::Gone
        {
            return Ok(entry);
        }
        let Some(load) = take(&loader) else { return Err(Missed::Absent) };
        let value = load().await.map_err(Missed::Failed)?.ok_or(Missed::Absent)?;
        let entry = Entry::new(value, Instant::now());
        if self.stamps.of(&key) != stamp {
            // It changed while it was loaded: good for those who asked before, not to be kept.
            return Ok(entry.aged(self.options.lifetime()));
        }
        if self.far.is_some()
            && let Ok(permit) = Arc::clone(&self.background).try_acquire_owned()
        {
            let (inner, key, entry) = (Arc::clone(&self), key, entry.clone());
            tokio::spawn(async move {
                inner.keep(&key, &entry).await;
                drop(permit);
            });
        }
        Ok(entry)
    }

    /// Writes an entry to the store. Errors are the store's to count.
    async fn keep(&self, key: &str, entry: &Entry) {
        if let Some(far) = &self.far {
            let _ = far.set(&self.far_key(key), entry.encode(), self.options.lifetime()).await;
        }
    }

    fn far_key(&self, key: &str) -> String {
        format!("{}{key}", self.options.prefix)
    }
}

impl CacheOptions {
    /// From the load until it is gone.
    fn lifetime(&self) -> Duration {
        self.fresh + self.stale
    }
}

fn take<F>(loader: &Loader<F>) -> Option<F> {
    loader.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
