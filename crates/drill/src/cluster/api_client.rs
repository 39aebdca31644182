//! The client of the API server: one context, bounded waits, and a look at its clock in passing.

use std::cell::RefCell;
use std::time::Duration;

use anyhow::anyhow;
use http::{Method, Request};
use http_body_util::{BodyExt, Limited};
use k8s_openapi::jiff::fmt::rfc2822;
use kube::client::Body;
use kube::{Api, Client, Resource};

use super::kubeconfig;
use crate::clock::{Offset, Range};
use crate::load_pod::unix_micros;
use crate::plan::cluster::Access;

/// Longest wait for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Most bytes of an answer: the record of a load pod is the largest.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// A client of one context, for one namespace.
pub(super) struct ApiClient {
    kube: Client,
    pub(super) context: String,
    pub(super) namespace: String,
    /// Of the API server.
    pub(super) version: String,
    clock: RefCell<Range>,
}

impl ApiClient {
    /// Opens the context, and asks the API server for its version.
    ///
    /// # Errors
    /// No such context, or no answer.
    pub(super) async fn open(access: &Access) -> anyhow::Result<Self> {
        let connected = kubeconfig::connect(access).await?;
        let server = connected.server;
        let client = Self {
            kube: connected.client,
            context: access.context.clone(),
            namespace: access.namespace.clone().unwrap_or(connected.namespace),
            version: String::new(),
            clock: RefCell::default(),
        };
        let version = client.answer(client.kube.apiserver_version()).await;
        let version = version.map_err(|error| anyhow!("the API server at {server} does not answer: {error}"))?;
        Ok(Self { version: version.git_version, ..client })
    }

    /// Objects of the namespace.
    pub(super) fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.kube.clone(), &self.namespace)
    }

    /// Objects without a namespace.
    pub(super) fn all<K>(&self) -> Api<K>
    where
        K: Resource<Scope = k8s_openapi::ClusterResourceScope>,
        K::DynamicType: Default,
    {
        Api::all(self.kube.clone())
    }

    pub(super) fn kube(&self) -> &Client {
        &self.kube
    }

    /// One answer, in time or not at all; errors as a person reads them.
    ///
    /// # Errors
    /// What the API server, or the way to it, said.
    pub(super) async fn answer<T>(&self, request: impl Future<Output = kube::Result<T>>) -> Result<T, ApiError> {
        match tokio::time::timeout(ANSWER_WITHIN, request).await {
            Ok(answer) => answer.map_err(ApiError::from),
            Err(_) => Err(ApiError { code: None, message: format!("no answer within {ANSWER_WITHIN:?}") }),
        }
    }

    /// A request to a port of a pod, through the API server's proxy.
    ///
    /// # Errors
    /// No answer, or one of 400 and above, in words.
    pub(super) async fn pod(&self, method: Method, pod: &str, port: u16, path: &str) -> Result<String, String> {
        let uri = format!("/api/v1/namespaces/{}/pods/{pod}:{port}/proxy{path}", self.namespace);
        let request =
            Request::builder().method(method).uri(uri).body(Body::empty()).map_err(|error| error.to_string())?;
        match tokio::time::timeout(ANSWER_WITHIN, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {ANSWER_WITHIN:?}")),
        }
    }

    async fn exchange(&self, request: Request<Body>) -> Result<String, String> {
        let response = self.kube.send(request).await.map_err(|error| ApiError::from(error).message)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), BYTES_MAX).collect().await.map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        if status.is_success() { Ok(text) } else { Err(format!("{status}: {}", text.trim())) }
    }

    /// Reads the API server's own clock once: the `Date` of an answer that is its own, and not a pod's through its
    /// proxy.
    pub(super) async fn look_at_clock(&self) {
        let Ok(request) = Request::builder().uri("/version").body(Body::empty()) else { return };
        let sent = unix_micros();
        let Ok(Ok(response)) = tokio::time::timeout(ANSWER_WITHIN, self.kube.send(request)).await else { return };
        let received = unix_micros();
        let date = response.headers().get(http::header::DATE).and_then(|date| rfc2822::parse(date.to_str().ok()?).ok());
        if let Some(date) = date {
            let least = date.timestamp().as_microsecond();
            self.clock.borrow_mut().exchanged(sent, received, (least, least + 1_000_000));
        }
    }

    /// The API server's clock beside ours, once it was looked at.
    pub(super) fn clock(&self) -> Option<Offset> {
        self.clock.borrow().offset()
    }
}

/// What the API server said no with, or why it said nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    /// The status, if it answered.
    pub(super) code: Option<u16>,
    pub(super) message: String,
}

impl From<kube::Error> for ApiError {
    fn from(error: kube::Error) -> Self {
        if let kube::Error::Api(status) = &error {
            return Self { code: Some(status.code), message: status.message.clone() };
        }
        // The outermost error of an HTTP client says nothing.
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        Self { code: None, message }
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}
