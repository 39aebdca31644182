//! OTLP over HTTP, by the project's HTTP client.

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use lameduck_client::{Options, Roots};
use opentelemetry_http::{HttpClient, HttpError};
use std::time::Duration;

/// The answer of a collector is a few bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Sends one request at a time. Its bound and its attempts are the exporter's.
#[derive(Debug)]
pub(super) struct Client(lameduck_client::Client);

impl Client {
    /// `ca`: certificates in PEM form instead of the system's.
    pub(super) fn new(ca: Option<Vec<u8>>) -> anyhow::Result<Self> {
        let client = lameduck_client::Client::new(Options {
            timeout: Duration::MAX,
            connect_timeout: Duration::MAX,
            response_bytes_max: ANSWER_BYTES_MAX,
            retries_max: 0,
            roots: ca.map_or(Roots::System, Roots::Pem),
            ..Options::default()
        });
        client.map(Self).context("OTEL_EXPORTER_OTLP_CERTIFICATE")
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        Ok(self.0.call(request, None).await?)
    }
}
