//! Documents of orders: files in a folder, written and read in pieces, never as a whole in memory.

use anyhow::Context;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::fs::{File, create_dir_all, remove_file, rename};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PIECE_BYTES: usize = 64 << 10;

/// A document, piece by piece.
pub type Pieces = BoxStream<'static, io::Result<Bytes>>;

/// The store. Clones are the same.
#[derive(Clone, Debug)]
pub struct Documents {
    folder: Arc<PathBuf>,
    next: Arc<AtomicU64>,
}

impl Documents {
    /// The store in this folder, which is made if it is missing.
    ///
    /// # Errors
    /// If it cannot be made.
    pub async fn open(folder: PathBuf) -> anyhow::Result<Self> {
        create_dir_all(&folder).await.with_context(|| format!("orders.folder: cannot make {}", folder.display()))?;
        Ok(Self { folder: Arc::new(folder), next: Arc::default() })
    }

    /// Stores a document under the id of its order, in place of the one before. It is there as a whole or not at all.
    ///
    /// # Errors
    /// If the body breaks off, or the disk refuses.
    ///
    /// # Cancel safety
    /// Dropped, the document before stays.
    pub async fn put<E: std::fmt::Display>(
        &self,
        id: &str,
        mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> anyhow::Result<()> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let part = Part(self.folder.join(format!("{id}.{}-{number}.part", std::process::id())));
        let mut file = File::create(&part.0).await?;
        while let Some(piece) = body.next().await {
            file.write_all(&piece.map_err(|error| anyhow::anyhow!("the body broke off: {error}"))?).await?;
        }
        file.flush().await?;
        file.sync_all().await?;
        rename(&part.0, self.folder.join(id)).await?;
        Ok(())
    }

    /// The document of an order: its length, and its pieces. `None`: it has none.
    ///
    /// # Errors
    /// If the disk refuses.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn get(&self, id: &str) -> io::Result<Option<(u64, Pieces)>> {
        let file = match File::open(self.folder.join(id)).await {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = file.metadata().await?.len();
        let pieces = stream::try_unfold(file, |mut file| async move {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            let read = file.read_buf(&mut piece).await?;
            io::Result::Ok((read > 0).then(|| (Bytes::from(piece), file)))
        });
        Ok(Some((length, pieces.boxed())))
    }
}

/// A file that is being written: gone unless it was renamed.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.0);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // After a rename there is nothing to remove.
            runtime.spawn(async move { drop(remove_file(path).await) });
        }
    }
}
