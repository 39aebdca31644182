//! A client from a kubeconfig, as kubectl reads it. Where the library differs, this decides: which files count, which
//! proxy is taken, how a token is read from a file, and what is said if a credential plugin is missing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use http::{HeaderValue, Request, header};
use kube::client::{Body, ClientBuilder};
use kube::config::{ExecConfig, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tower::util::MapRequestLayer;

use super::api_client::ApiError;
use super::proxy;
use crate::plan::cluster::Access;

/// A token file is read again after this time: Kubernetes and cloud providers exchange tokens while a program runs.
const TOKEN_FOR: Duration = Duration::from_secs(60);
/// Longest time until a connection is established.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A client of the context that was named, with its server and its namespace.
pub(super) struct Connected {
    pub(super) client: Client,
    pub(super) server: String,
    pub(super) namespace: String,
}

/// The kubeconfig: the file that was named, or those of `KUBECONFIG`, or the default one.
///
/// # Errors
/// There is none, or it cannot be read.
pub(crate) fn read(file: Option<&Path>) -> anyhow::Result<Kubeconfig> {
    if let Some(file) = file {
        return Kubeconfig::read_from(file).with_context(|| format!("--kubeconfig {}", file.display()));
    }
    let listed = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let listed: Vec<PathBuf> = std::env::split_paths(&listed).filter(|path| !path.as_os_str().is_empty()).collect();
    // kubectl skips files of the list that do not exist.
    let there: Vec<_> = listed.iter().filter(|path| path.exists()).collect();
    if there.is_empty() && !listed.is_empty() {
        bail!("no kubeconfig: no file of KUBECONFIG exists; pass --kubeconfig FILE");
    }
    if there.is_empty() {
        return Kubeconfig::read().context("no kubeconfig: pass --kubeconfig FILE, or set KUBECONFIG");
    }
    let mut merged = Kubeconfig::default();
    for path in there {
        let one = Kubeconfig::read_from(path).with_context(|| format!("KUBECONFIG: {}", path.display()))?;
        merged = merged.merge(one).with_context(|| format!("KUBECONFIG: {}", path.display()))?;
    }
    Ok(merged)
}

/// Makes a client of the context that was named. Nothing is asked yet, but a credential plugin runs.
///
/// # Errors
/// No such context, or one that cannot be used: in one sentence with the remedy, if there is one.
pub(super) async fn connect(access: &Access) -> anyhow::Result<Connected> {
    let mut kubeconfig = read(access.kubeconfig.as_deref())?;
    let Some(context) = kubeconfig.contexts.iter().find(|context| context.name == access.context) else {
        let known: Vec<_> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
        bail!("--context {}: the kubeconfig has {}", access.context, known.join(", "));
    };
    let context = context.context.clone().unwrap_or_default();
    let cluster = kubeconfig.clusters.iter_mut().find(|cluster| cluster.name == context.cluster);
    let proxy_url = cluster.and_then(|cluster| cluster.cluster.as_mut()?.proxy_url.take());
    let user = kubeconfig.auth_infos.iter_mut().find(|user| Some(&user.name) == context.user.as_ref());
    let user = user.and_then(|user| user.auth_info.as_mut());
    let (token_file, plugin) = match user {
        Some(user) => {
            let token_file = user.token_file.take();
            if token_file.is_some() {
                // As for kubectl the file wins.
                user.token = None;
            }
            (token_file, user.exec.clone())
        }
        None => (None, None),
    };
    let token = token_file.map(|file| TokenFile::read(file.into())).transpose();
    let token = token.with_context(|| format!("--context {}", access.context))?;
    let options = KubeConfigOptions { context: Some(access.context.clone()), ..KubeConfigOptions::default() };
    // The crate graph may hold two providers; rustls refuses to choose. An already installed one is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .with_context(|| format!("--context {}: cannot be used", access.context))?;
    config.connect_timeout = Some(CONNECT_WITHIN);
    // The caller decides whether to ask again.
    config.default_retry = false;
    config.proxy_url = proxy::choose(&config.cluster_url, proxy_url.as_deref(), &|name| std::env::var(name).ok())
        .with_context(|| format!("--context {}", access.context))?;
    let (server, namespace) = (config.cluster_url.to_string(), config.default_namespace.clone());
    let builder = ClientBuilder::try_from(config).map_err(|error| refused(access, error, plugin.as_ref()))?;
    let layer = MapRequestLayer::new(move |request| match &token {
        Some(token) => token.add(request),
        None => request,
    });
    let client = builder.with_layer(&layer).build();
    Ok(Connected { client, server, namespace })
}

/// Why no client can be made. The usual reason is a credential plugin, which the library does not name.
fn refused(access: &Access, error: kube::Error, plugin: Option<&ExecConfig>) -> anyhow::Error {
    let problem = ApiError::from(error).message;
    let context = &access.context;
    let Some(plugin) = plugin else { return anyhow!("--context {context}: {problem}") };
    let command = plugin.command.as_deref().unwrap_or_default();
    let missing = which(command).is_none();
    let problem = match missing {
        true => format!("its credential plugin `{command}` is not installed here"),
        false => format!("its credential plugin `{command}` failed: {problem}"),
    };
    let hint = plugin.install_hint.as_deref().map(str::trim).filter(|hint| missing && !hint.is_empty());
    anyhow!("--context {context}: {problem}{}", hint.map(|hint| format!("; {hint}")).unwrap_or_default())
}

/// Where a command is found, as the shell does it.
fn which(command: &str) -> Option<PathBuf> {
    if command.contains(std::path::MAIN_SEPARATOR) {
        return Some(PathBuf::from(command)).filter(|path| path.is_file());
    }
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).map(|folder| folder.join(command)).find(|path| path.is_file())
}

/// A bearer token in a file, read again from time to time; a broken new file keeps the old token.
#[derive(Clone)]
struct TokenFile {
    file: Arc<PathBuf>,
    token: Arc<Mutex<(Instant, HeaderValue)>>,
}

impl TokenFile {
    fn read(file: PathBuf) -> anyhow::Result<Self> {
        let token = read_token(&file)?;
        Ok(Self { file: Arc::new(file), token: Arc::new(Mutex::new((Instant::now(), token))) })
    }

    fn add(&self, mut request: Request<Body>) -> Request<Body> {
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if token.0.elapsed() >= TOKEN_FOR {
            let newer = read_token(&self.file).unwrap_or_else(|_| token.1.clone());
            *token = (Instant::now(), newer);
        }
        request.headers_mut().insert(header::AUTHORIZATION, token.1.clone());
        request
    }
}

/// The token without the line end that editors and `echo` leave behind it.
fn read_token(file: &Path) -> anyhow::Result<HeaderValue> {
    let text = std::fs::read_to_string(file).with_context(|| format!("tokenFile {}", file.display()))?;
    let token = text.trim();
    anyhow::ensure!(!token.is_empty(), "tokenFile {}: it is empty", file.display());
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .with_context(|| format!("tokenFile {}: more than one line, or not a token", file.display()))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
