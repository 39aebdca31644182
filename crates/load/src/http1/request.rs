//! The bytes of a request, written into one buffer that is used again and again.

use std::io::Write;
use std::time::Duration;

use crate::endpoints::Endpoint;
use crate::plan::{LoadPlan, request_id};
use crate::verdict::Kind;

/// A body sent in chunks.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) chunks: u32,
    pub(crate) interval: Duration,
    /// One chunk with its size line.
    pub(crate) chunk: Vec<u8>,
}

/// The request of one client.
#[derive(Debug)]
pub(crate) struct Request {
    kind: Kind,
    path: String,
    host: Option<String>,
    series: u32,
    upload: Option<Upload>,
    bytes: Vec<u8>,
    id: Vec<u8>,
}

impl Request {
    pub(crate) fn new(plan: &LoadPlan, kind: Kind) -> Self {
        let shape = &plan.shape;
        let path = match kind {
            Kind::Slow => &shape.slow_path,
            Kind::Stream => &shape.stream_path,
            Kind::Upload => &shape.upload_path,
            Kind::Hot | Kind::Warm | Kind::Cold | Kind::Connect | Kind::H2c | Kind::Pipelined => &shape.path,
        };
        let upload = (kind == Kind::Upload).then(|| Upload {
            chunks: shape.upload_chunks,
            interval: shape.upload_interval,
            chunk: chunk(shape.upload_chunk_bytes),
        });
        let (path, host) = (path.clone(), shape.host.clone());
        Self { kind, path, host, series: plan.series(), upload, bytes: Vec::new(), id: Vec::new() }
    }

    /// Writes the request for this endpoint and number.
    pub(crate) fn prepare(&mut self, endpoint: Endpoint, number: u64) {
        self.bytes.clear();
        self.append(endpoint, number);
    }

    /// Writes another request behind those that are there.
    pub(crate) fn append(&mut self, endpoint: Endpoint, number: u64) {
        self.id = request_id(self.series, number).into_bytes();
        let method = if self.upload.is_some() { "POST" } else { "GET" };
        let (path, bytes) = (&self.path, &mut self.bytes);
        let head = match &self.host {
            Some(host) => write!(bytes, "{method} {path} HTTP/1.1\r\nhost: {host}\r\n"),
            None => write!(bytes, "{method} {path} HTTP/1.1\r\nhost: {}\r\n", endpoint.address),
        };
        head.expect("a vector takes all bytes");
        bytes.extend_from_slice(b"user-agent: lameduck-drill\r\n");
        if self.upload.is_some() {
            bytes.extend_from_slice(b"content-type: application/octet-stream\r\ntransfer-encoding: chunked\r\n");
        }
        if self.kind == Kind::Connect {
            bytes.extend_from_slice(b"connection: close\r\n");
        }
        bytes.extend_from_slice(b"x-request-id: ");
        bytes.extend_from_slice(&self.id);
        bytes.extend_from_slice(b"\r\n\r\n");
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The id of the request written last.
    pub(crate) fn id(&self) -> &[u8] {
        &self.id
    }

    pub(crate) fn upload(&self) -> Option<&Upload> {
        self.upload.as_ref()
    }
}

fn chunk(bytes: u32) -> Vec<u8> {
    let mut chunk = format!("{bytes:x}\r\n").into_bytes();
    chunk.resize(chunk.len() + bytes as usize, b'u');
    chunk.extend_from_slice(b"\r\n");
    chunk
}
