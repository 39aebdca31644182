//! Writes an object from a stream: in one piece if it is small, else in parts of which two are in memory.

use super::bucket::Bucket;
use super::error::{ObjectError, PutError};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use ring::digest::{Context, SHA256};
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The smallest part that S3 takes.
const PART_BYTES: usize = 5 << 20;
/// For throwing parts away.
const ABORT_TIMEOUT: Duration = Duration::from_secs(30);

/// What is known of a body before it comes.
#[derive(Clone, Debug)]
pub struct PutOptions {
    /// A body that is larger is refused.
    pub bytes_max: u64,
    /// `Content-Length`, if it is known: a body of another length is refused.
    pub length: Option<u64>,
    /// Its SHA-256, if it is known: another body is refused.
    pub sha256: Option<[u8; 32]>,
}

/// An object that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its bytes.
    pub size: u64,
    /// Their SHA-256: keep it with the key, to check what is read.
    pub sha256: [u8; 32],
    /// What the store calls this version.
    pub etag: Option<String>,
}

impl Bucket {
    /// Writes an object. It appears as a whole or not at all: a body that breaks off, is too large, or is not what was
    /// announced leaves no object, and one that was there stays. Each part is checked by the store against its SHA-256.
    /// At most two parts of 5 MiB are in memory.
    ///
    /// # Errors
    /// See [`PutError`].
    ///
    /// # Cancel safety
    /// Dropped, nothing is written, unless it was the last step; its parts are thrown away in the background. A process
    /// that is killed leaves parts behind: give the bucket a rule that deletes incomplete uploads.
    pub async fn put<E>(
        &self,
        key: &str,
        body: impl Stream<Item = Result<Bytes, E>>,
        options: &PutOptions,
    ) -> Result<Stored, PutError<E>> {
        let path = self.path(key).map_err(PutError::Store)?;
        let _permit = self.permit().await.map_err(PutError::Store)?;
        let mut body = pin!(body);
        let mut meter = Meter::new(options);
        let first = next_part(body.as_mut(), &mut meter).await?;
        if first.content_length() < PART_BYTES {
            let (size, sha256) = meter.end()?;
            let result = self.call("PutObject", self.store.put(&path, first)).await.map_err(PutError::Store)?;
            return Ok(Stored { size, sha256, etag: result.e_tag });
        }
        let begun = self.call("CreateMultipartUpload", self.store.put_multipart(&path)).await;
        let mut parts = Parts { upload: Some(begun.map_err(PutError::Store)?), under_way: None };
        let result = self.put_parts(&mut parts, first, body, meter).await;
        if result.is_err() {
            parts.abort().await;
        }
        result
    }

    async fn put_parts<E, S: Stream<Item = Result<Bytes, E>>>(
        &self,
        parts: &mut Parts,
        first: PutPayload,
        mut body: Pin<&mut S>,
        mut meter: Meter<'_>,
    ) -> Result<Stored, PutError<E>> {
        let mut part = first;
        while part.content_length() > 0 {
            parts.settle(self).await.map_err(PutError::Store)?;
            parts.send(part);
            part = next_part(body.as_mut(), &mut meter).await?;
        }
        parts.settle(self).await.map_err(PutError::Store)?;
        let (size, sha256) = meter.end()?;
        let Some(upload) = parts.upload.as_mut() else { unreachable!("it is taken at the end alone") };
        let result = self.call("CompleteMultipartUpload", upload.complete()).await.map_err(PutError::Store)?;
        parts.upload = None;
        Ok(Stored { size, sha256, etag: result.e_tag })
    }
}

/// The next part of a body: a whole one, or the last, or nothing.
async fn next_part<E, S: Stream<Item = Result<Bytes, E>>>(
    mut body: Pin<&mut S>,
    meter: &mut Meter<'_>,
) -> Result<PutPayload, PutError<E>> {
    let mut chunks: Vec<Bytes> = Vec::new();
    let mut bytes = 0;
    while bytes < PART_BYTES {
        let Some(chunk) = body.next().await else { break };
        let chunk = chunk.map_err(PutError::Body)?;
        meter.add(&chunk)?;
        bytes += chunk.len();
        chunks.push(chunk);
    }
    Ok(chunks.into_iter().collect())
}

/// Counts and digests what comes.
struct Meter<'a> {
    options: &'a PutOptions,
    size: u64,
    digest: Context,
}

impl<'a> Meter<'a> {
    fn new(options: &'a PutOptions) -> Self {
        Self { options, size: 0, digest: Context::new(&SHA256) }
    }

    fn add<E>(&mut self, chunk: &Bytes) -> Result<(), PutError<E>> {
        self.size += chunk.len() as u64;
        self.digest.update(chunk);
        let bytes_max = self.options.bytes_max;
        if self.size > bytes_max { Err(PutError::TooLarge { bytes_max }) } else { Ok(()) }
    }

    /// Whether it was what was announced.
    fn end<E>(self) -> Result<(u64, [u8; 32]), PutError<E>> {
        let Self { options, size: actual, digest } = self;
        if let Some(expected) = options.length.filter(|expected| *expected != actual) {
            return Err(PutError::Length { expected, actual });
        }
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest.finish().as_ref());
        if options.sha256.is_some_and(|expected| expected != sha256) {
            Err(PutError::Digest)
        } else {
            Ok((actual, sha256))
        }
    }
}

/// An upload in parts. Dropped, its parts are thrown away.
struct Parts {
    /// `None` once it is an object.
    upload: Option<Box<dyn MultipartUpload>>,
    /// The part that travels while the next one is collected.
    under_way: Option<JoinHandle<object_store::Result<()>>>,
}

impl Parts {
    fn send(&mut self, part: PutPayload) {
        if let Some(upload) = &mut self.upload {
            self.under_way = Some(tokio::spawn(upload.put_part(part)));
        }
    }

    /// Waits for the part that is under way.
    async fn settle(&mut self, bucket: &Bucket) -> Result<(), ObjectError> {
        let Some(under_way) = &mut self.under_way else { return Ok(()) };
        let result = bucket.call("UploadPart", async { under_way.await? }).await;
        if result.is_ok() {
            self.under_way = None;
        }
        result
    }

    async fn abort(&mut self) {
        if let Some(under_way) = self.under_way.take() {
            under_way.abort();
        }
        if let Some(upload) = self.upload.take() {
            throw_away(upload).await;
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        if let Some(under_way) = self.under_way.take() {
            under_way.abort();
        }
        if let (Some(upload), Ok(runtime)) = (self.upload.take(), Handle::try_current()) {
            runtime.spawn(throw_away(upload));
        }
    }
}

async fn throw_away(mut upload: Box<dyn MultipartUpload>) {
    let error = match timeout(ABORT_TIMEOUT, upload.abort()).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no response within {ABORT_TIMEOUT:?}"),
    };
    tracing::warn!(error, "parts of an upload that broke off are still there: {error}");
}
