//! The door to the API server.

use crate::failure::Failure;
use crate::identity::{Identity, IdentityError};
use k8s_openapi::NamespaceResourceScope;
use kube::config::InClusterError;
use kube::{Api, Client, Config, Resource};
use std::sync::Arc;
use std::time::Duration;

/// Where to look, and how patiently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Names of the Services whose EndpointSlices count (`cluster.services`). Empty: all of the namespace.
    pub services: Vec<String>,
    /// Each node sends to its own pods alone (`externalTrafficPolicy: Local`): the last pod of its node is the last.
    pub local_traffic: bool,
    /// Longest wait for the answer to one request. 2 s.
    pub answer_within: Duration,
    /// A watch is opened anew after this long, so that a connection that died without a word is noticed. 5 s; at least
    /// 2 s.
    pub watch_for: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            services: Vec::new(),
            local_traffic: false,
            answer_within: Duration::from_secs(2),
            watch_for: Duration::from_secs(5),
        }
    }
}

/// A client of the API server that knows which Pod it is. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) identity: Arc<Identity>,
    pub(crate) options: Arc<Options>,
    client: Client,
}

impl Cluster {
    /// Looks for a cluster around this process: `KUBERNETES_SERVICE_HOST`, the service account's token and certificate,
    /// and the downward API. `Ok(None)`: there is none. Sends nothing yet.
    ///
    /// Installs ring as the process's TLS provider if none is installed.
    ///
    /// # Errors
    /// There is a cluster, but this Pod cannot use it: [`ConnectError`] says what to add to the Pod.
    ///
    /// # Panics
    /// Outside a tokio runtime: the client's tasks live on it.
    pub fn connect(options: Options) -> Result<Option<Self>, ConnectError> {
        if std::env::var_os("KUBERNETES_SERVICE_HOST").is_none() {
            return Ok(None);
        }
        let identity = Identity::from_vars(|name| std::env::var(name).ok()).map_err(ConnectError::Identity)?;
        let config = Config::incluster_env().map_err(ConnectError::ServiceAccount)?;
        // The crate graph may hold two providers; rustls refuses to choose. An already installed one is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self::with(identity, config, options).map(Some)
    }

    /// Asks an API server that needs no credentials, as `kubectl proxy` is one: `http://127.0.0.1:8001`.
    ///
    /// # Errors
    /// The address is not a URL.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn through_proxy(url: &str, identity: Identity, options: Options) -> Result<Self, ConnectError> {
        let url = url.parse().map_err(|_| ConnectError::Url(url.to_owned()))?;
        Self::with(identity, Config::new(url), options)
    }

    fn with(identity: Identity, mut config: Config, options: Options) -> Result<Self, ConnectError> {
        config.connect_timeout = Some(options.answer_within);
        // Retries are ours: they must stop with the drain, and be visible.
        config.default_retry = false;
        let client = Client::try_from(config).map_err(|error| ConnectError::Client(Failure::from(error)))?;
        Ok(Self { identity: Arc::new(identity), options: Arc::new(options), client })
    }

    /// Which Pod this is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.identity.namespace)
    }

    /// One answer, in time or not at all.
    pub(crate) async fn answer<T>(&self, request: impl Future<Output = kube::Result<T>>) -> Result<T, Failure> {
        let within = self.options.answer_within;
        match tokio::time::timeout(within, request).await {
            Ok(answer) => answer.map_err(Failure::from),
            Err(_) => Err(Failure::no_answer(within)),
        }
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("identity", &self.identity)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// In a cluster, but blind.
#[derive(Debug)]
pub enum ConnectError {
    /// The downward API is not used.
    Identity(IdentityError),
    /// No token or certificate of a service account.
    ServiceAccount(InClusterError),
    /// The client could not be built from them.
    Client(Failure),
    /// Not a URL.
    Url(String),
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Identity(error) => error.fmt(f),
            Self::ServiceAccount(error) => {
                write!(f, "{error}: give the Pod a service account, with automountServiceAccountToken: true")
            }
            Self::Client(error) => write!(f, "client of the API server: {error}"),
            Self::Url(url) => write!(f, "`{url}` is not the URL of an API server, as http://127.0.0.1:8001 is one"),
        }
    }
}

impl std::error::Error for ConnectError {}
