//! Files that are read again when they change: keys, tokens, certificates, passwords.
//!
//! Kubernetes updates a mounted Secret by swapping the symlink `..data`, so the *target* of a path changes, while the
//! file that was opened before stays as it was. Polling a few attributes once a second sees that, an editor's rename
//! and a write in place alike, on every file system and without another dependency; a watch of the kernel's would have
//! to follow each directory on the way, and the kubelet takes up to a minute anyway.

mod stamp;

use anyhow::Context;
use stamp::Stamp;
use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::runtime;
use tokio::sync::watch;
use tokio::time::sleep;

/// Between two looks at a file.
const POLL: Duration = Duration::from_secs(1);
/// A file that has just changed is read once nothing has changed for so long: it may be half written.
const SETTLE: Duration = Duration::from_millis(100);
/// The largest file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A value from files, always the last good one. A cheap handle.
///
/// Made by [`Start::reload`](crate::Start::reload). While a handle exists, the files are looked at once a second. A new
/// version that cannot be read or parsed is logged once and counted; the value stays what it was until a good version
/// comes.
#[derive(Debug)]
pub struct Reloaded<T> {
    value: watch::Receiver<Arc<T>>,
    /// Ends the polling with the last handle.
    _alive: Arc<()>,
}

impl<T> Reloaded<T> {
    /// A value that never changes: for tests, and where there is no file.
    pub fn fixed(value: T) -> Self {
        let (_, value) = watch::channel(Arc::new(value));
        Self { value, _alive: Arc::default() }
    }

    /// Follows files from inside of a [`Dependency`](crate::Dependency), which is built before the engine runs: as
    /// [`Start::reload`](crate::Start::reload), by the engine on whose work runtime the caller runs. Without an engine
    /// (in tests) the calling runtime follows them. Must not be called outside of a tokio runtime.
    ///
    /// # Errors
    /// If the files cannot be read or parsed now.
    pub fn follow(
        key: &str,
        paths: impl IntoIterator<Item = impl Into<PathBuf>>,
        parse: impl Fn(&[Vec<u8>]) -> anyhow::Result<T> + Send + Sync + 'static,
    ) -> anyhow::Result<Self>
    where
        T: Send + Sync + 'static,
    {
        let files = CURRENT.with_borrow(Clone::clone).unwrap_or_else(|| Files::new(runtime::Handle::current()));
        files.open(key, paths.into_iter().map(Into::into).collect(), parse)
    }

    /// The value now.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.value.borrow())
    }

    /// Waits for another value than this handle has seen by [`changed`](Self::changed) before, and returns it.
    ///
    /// # Cancel safety
    /// A change is not lost when the future is dropped.
    pub async fn changed(&mut self) -> Arc<T> {
        if self.value.changed().await.is_err() {
            // The process ends: nothing changes any more.
            std::future::pending::<()>().await;
        }
        Arc::clone(&self.value.borrow_and_update())
    }
}

impl<T> Clone for Reloaded<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), _alive: Arc::clone(&self._alive) }
    }
}

/// All files of an engine that are read again, for metrics. A cheap handle.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    counts: Arc<Mutex<Vec<Counts>>>,
    /// Where files are looked at: the control thread, which no handler can block.
    control: runtime::Handle,
    poll: Duration,
}

thread_local! { static CURRENT: RefCell<Option<Files>> = const { RefCell::new(None) } }

/// What became of the files of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) key: String,
    /// Versions that replaced the one before.
    pub(crate) loaded: u64,
    /// Versions that were not fit to.
    pub(crate) failed: u64,
    /// Whether the files are not what is used: the last version failed.
    pub(crate) stale: bool,
}

type Parse<T> = dyn Fn(&[Vec<u8>]) -> anyhow::Result<T> + Send + Sync;

impl Files {
    pub(crate) fn new(control: runtime::Handle) -> Self {
        Self { counts: Arc::default(), control, poll: POLL }
    }

    /// Makes these the files of the calling thread.
    pub(crate) fn enter(&self) {
        CURRENT.set(Some(self.clone()));
    }

    /// The counts of all of them.
    pub(crate) fn counts(&self) -> Vec<Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads `paths` now, together, and again whenever one of them changes. `key` is the key that names them.
    ///
    /// # Errors
    /// If they cannot be read or parsed now.
    pub(crate) fn open<T: Send + Sync + 'static>(
        &self,
        key: &str,
        paths: Vec<PathBuf>,
        parse: impl Fn(&[Vec<u8>]) -> anyhow::Result<T> + Send + Sync + 'static,
    ) -> anyhow::Result<Reloaded<T>> {
        let parse: Arc<Parse<T>> = Arc::new(parse);
        let (stamp, value) = load(&paths, parse.as_ref());
        let value = value.with_context(|| format!("{key}: {}", shown(&paths)))?;
        let (sender, value) = watch::channel(Arc::new(value));
        let alive = Arc::new(());
        let index = {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            counts.push(Counts { key: key.to_owned(), loaded: 0, failed: 0, stale: false });
            counts.len() - 1
        };
        let follower = Follower { files: self.clone(), index, key: key.to_owned(), paths, parse };
        self.control.spawn(follower.run(stamp, sender, Arc::downgrade(&alive)));
        Ok(Reloaded { value, _alive: alive })
    }

    fn count(&self, index: usize, change: impl FnOnce(&mut Counts)) {
        if let Some(counts) = self.counts.lock().unwrap_or_else(PoisonError::into_inner).get_mut(index) {
            change(counts);
        }
    }
}

struct Follower<T> {
    files: Files,
    index: usize,
    key: String,
    paths: Vec<PathBuf>,
    parse: Arc<Parse<T>>,
}

impl<T: Send + Sync + 'static> Follower<T> {
    async fn run(self, mut stamp: Stamp, sender: watch::Sender<Arc<T>>, alive: Weak<()>) {
        loop {
            sleep(self.files.poll).await;
            if alive.strong_count() == 0 {
                return;
            }
            if self.look().await == stamp {
                continue;
            }
            let (tried, value) = self.load_settled().await;
            stamp = tried;
            match value {
                Ok(value) => {
                    sender.send_replace(Arc::new(value));
                    self.files.count(self.index, |counts| {
                        counts.loaded += 1;
                        counts.stale = false;
                    });
                    tracing::info!(key = self.key, "{}: read again: {}", self.key, shown(&self.paths));
                }
                Err(error) => {
                    self.files.count(self.index, |counts| {
                        counts.failed += 1;
                        counts.stale = true;
                    });
                    tracing::error!(
                        key = self.key,
                        error = format!("{error:#}"),
                        "{}: the new {} cannot be used, the version before stays in use: {error:#}",
                        self.key,
                        shown(&self.paths)
                    );
                }
            }
        }
    }

    /// Reads once nothing changes any more.
    async fn load_settled(&self) -> (Stamp, anyhow::Result<T>) {
        let mut before = self.look().await;
        loop {
            sleep(SETTLE).await;
            let now = self.look().await;
            if now == before {
                break;
            }
            before = now;
        }
        let (paths, parse) = (self.paths.clone(), Arc::clone(&self.parse));
        let loading = tokio::task::spawn_blocking(move || load(&paths, parse.as_ref()));
        loading.await.unwrap_or_else(|_| (before, Err(anyhow::anyhow!("reading it panicked"))))
    }

    async fn look(&self) -> Stamp {
        let paths = self.paths.clone();
        tokio::task::spawn_blocking(move || Stamp::of(&paths)).await.unwrap_or_default()
    }
}

/// Reads all files as they are at one moment, and parses them.
fn load<T>(paths: &[PathBuf], parse: &Parse<T>) -> (Stamp, anyhow::Result<T>) {
    const ATTEMPTS_MAX: usize = 3;
    let mut stamp = Stamp::of(paths);
    for _ in 0..ATTEMPTS_MAX {
        let contents = paths.iter().map(|path| stamp::read(path, FILE_BYTES_MAX)).collect::<anyhow::Result<Vec<_>>>();
        // A swap in between would mix two versions: a certificate and the key of another.
        let now = Stamp::of(paths);
        if now == stamp {
            return (stamp, contents.and_then(|contents| parse(&contents)));
        }
        stamp = now;
    }
    (stamp, Err(anyhow::anyhow!("it changes while it is read")))
}

/// The whole file, as it is now.
#[cfg(feature = "tls")]
pub(crate) fn read(path: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    stamp::read(path, FILE_BYTES_MAX)
}

fn shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
