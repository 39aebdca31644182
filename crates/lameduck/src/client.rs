//! Requests that handlers and workers send: with the ids of the request that they serve, and in the time that it has.

use crate::Call;
use bytes::Bytes;
use http::{Method, Request, Response, Uri};
use lameduck_client::{CallError, CertificateError, Options, Retries};
use lameduck_telemetry::Context;

/// An HTTP client for handlers and workers. Clones share one pool: make one for each kind of peer when the routes are
/// built.
///
/// A call carries `traceparent`, `tracestate` and `x-request-id` of the request that the current code serves, ends when
/// that request's time is over or the process would cut it, and in any case after
/// [`ClientOptions::timeout`](Options::timeout). What was never sent is tried again if the method may be repeated;
/// nothing else is. With the feature `traces` a call is a span.
///
/// `https` needs the feature `client-tls` (which `traces` brings along).
///
/// ```no_run
/// use lameduck::{App, CallError, Client, ClientOptions, Service};
/// use lameduck::axum::{http::StatusCode, routing::get};
/// use std::time::Duration;
///
/// fn main() -> std::process::ExitCode {
///     lameduck::run(Service::new("orders").routes(async |_| {
///         let options = ClientOptions { timeout: Duration::from_secs(2), ..ClientOptions::default() };
///         let stock = Client::new(options)?;
///         let item = async move || match stock.get("http://inventory/items/7").await {
///             Ok(answer) => Ok(answer.into_body()),
///             Err(CallError::TimedOut(_)) => Err(StatusCode::GATEWAY_TIMEOUT),
///             Err(_) => Err(StatusCode::BAD_GATEWAY),
///         };
///         Ok(App::new().route("/item", get(item)))
///     }))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Client(lameduck_client::Client);

impl Client {
    /// A client that has no connection yet.
    ///
    /// # Errors
    /// If certificates were given that cannot be used.
    pub fn new(options: Options) -> Result<Self, CertificateError> {
        lameduck_client::Client::new(options).map(Self)
    }

    /// GET.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub async fn get(&self, url: &str) -> Result<Response<Bytes>, CallError> {
        let mut request = Request::new(Bytes::new());
        let malformed = |_| CallError::Target(format!("not a URL: {:?}", lameduck_support::url::redacted(url)));
        *request.uri_mut() = url.parse().map_err(malformed)?;
        self.send(request).await
    }

    /// Sends a request to an absolute URL, and reads the whole answer. Headers that are set stay.
    ///
    /// # Errors
    /// [`CallError`]. A response is none, whatever its status.
    ///
    /// # Cancel safety
    /// Dropped, the call is given up and its connection closed. The peer may have the request.
    pub async fn send(&self, request: Request<impl Into<Bytes>>) -> Result<Response<Bytes>, CallError> {
        let mut request = request.map(Into::into);
        let mut call = Call::begin(name(request.method()));
        if call.is_recorded() {
            describe(&mut call, request.method(), request.uri());
        }
        let headers = request.headers_mut();
        if let Some(trace) = call.trace() {
            trace.inject(headers);
        }
        if let Some(context) = Context::current() {
            context.inject(headers);
        }
        let answer = self.0.call(request, Call::time_left()).await;
        end(call, &answer);
        answer
    }
}

/// The names of spans are few, whatever methods there are.
fn name(method: &Method) -> &'static str {
    const KNOWN: [Method; 8] = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::HEAD,
        Method::OPTIONS,
        Method::TRACE,
    ];
    const NAMES: [&str; 8] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"];
    KNOWN.iter().position(|known| known == method).map_or("HTTP", |at| NAMES[at])
}

fn describe(call: &mut Call, method: &Method, uri: &Uri) {
    call.attribute("http.request.method", method.to_string());
    call.attribute("url.full", lameduck_support::url::redacted(&uri.to_string()).into_owned());
    if let Some(host) = uri.host() {
        call.attribute("server.address", host.trim_matches(['[', ']']).to_owned());
    }
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    call.number("server.port", port.into());
}

/// As the conventions have it: to a client, 4xx is a failure, too.
fn end(mut call: Call, answer: &Result<Response<Bytes>, CallError>) {
    let error = match answer {
        Ok(answer) => {
            call.number("http.response.status_code", answer.status().as_u16().into());
            if let Some(Retries(retries @ 1..)) = answer.extensions().get() {
                call.number("http.request.resend_count", (*retries).into());
            }
            (answer.status().as_u16() >= 400).then(|| answer.status().as_str().to_owned())
        }
        Err(error) => Some(error.kind().to_owned()),
    };
    call.end(error);
}
