//! A collector that takes spans by gRPC or HTTP, or does not.

use crate::traces::Protocol;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message as _;
use std::convert::Infallible;
use std::sync::{Arc, Condvar, Mutex};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What the collector does with spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    Takes,
    /// Nothing listens.
    Closed,
    /// Reads, and says nothing.
    NeverAnswers,
    /// Answers when the collector is dropped: after the flush.
    AnswersLate,
    /// 503, UNAVAILABLE.
    Refuses,
    RefusesOnce,
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

struct Shared {
    protocol: Protocol,
    behaviour: Behaviour,
    taken: Mutex<Vec<ResourceSpans>>,
    asked: (Mutex<u64>, Condvar),
    released: watch::Receiver<bool>,
}

/// Runs on a thread of its own until it is dropped.
pub(super) struct Collector {
    pub(super) endpoint: String,
    shared: Arc<Shared>,
    release: watch::Sender<bool>,
    _runtime: Option<tokio::runtime::Runtime>,
}

impl Collector {
    pub(super) fn start(protocol: Protocol, behaviour: Behaviour) -> Self {
        let (release, released) = watch::channel(false);
        let shared =
            Arc::new(Shared { protocol, behaviour, taken: Mutex::default(), asked: Default::default(), released });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        if behaviour == Behaviour::Closed {
            drop(listener);
        } else {
            runtime.spawn(serve(listener, shared.clone()));
        }
        Self { endpoint, shared, release, _runtime: Some(runtime) }
    }

    pub(super) fn spans(&self) -> Vec<Span> {
        let taken = self.shared.taken.lock().unwrap();
        let scopes = taken.iter().flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    pub(super) fn resource(&self, name: &str) -> Option<String> {
        let taken = self.shared.taken.lock().unwrap();
        let attributes = &taken.first()?.resource.as_ref()?.attributes;
        let found = attributes.iter().find(|attribute| attribute.key == name)?;
        let Value::StringValue(text) = found.value.as_ref()?.value.as_ref()? else { panic!("{name} is not a text") };
        Some(text.clone())
    }

    /// Waits until it was asked that often.
    pub(super) fn until_asked(&self, times: u64) {
        let (asked, changed) = &self.shared.asked;
        drop(changed.wait_while(asked.lock().unwrap(), |asked| *asked < times).unwrap());
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.release.send_replace(true);
        if let Some(runtime) = self._runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        tokio::spawn(async move {
            let grpc = shared.protocol == Protocol::Grpc;
            let service = service_fn(move |request| answer(request, shared.clone()));
            let io = TokioIo::new(stream);
            // A client that leaves, or speaks TLS, is not the collector's concern.
            if grpc {
                let _ =
                    hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await;
            } else {
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
            }
        });
    }
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Body>, Infallible> {
    let grpc = shared.protocol == Protocol::Grpc;
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let times = {
        let mut asked = shared.asked.0.lock().unwrap();
        *asked += 1;
        shared.asked.1.notify_all();
        *asked
    };
    let takes = match shared.behaviour {
        Behaviour::Takes => true,
        Behaviour::RefusesOnce => times > 1,
        Behaviour::AnswersLate => {
            let _ = shared.released.clone().wait_for(|released| *released).await;
            true
        }
        Behaviour::Refuses => false,
        Behaviour::NeverAnswers | Behaviour::Closed => std::future::pending().await,
    };
    if takes {
        let message = if grpc { body.slice(5..) } else { body };
        let message = ExportTraceServiceRequest::decode(message).expect("a request of OTLP");
        shared.taken.lock().unwrap().extend(message.resource_spans);
    }
    Ok(if grpc { grpc_answer(takes) } else { http_answer(takes) })
}

fn http_answer(takes: bool) -> Response<Body> {
    let status = if takes { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = Response::new(Full::default().boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/x-protobuf"));
    response
}

fn grpc_answer(takes: bool) -> Response<Body> {
    // An empty message: no compression, no bytes.
    let mut message = BytesMut::new();
    message.put_bytes(0, 5);
    let status = HeaderValue::from_static(if takes { "0" } else { "14" });
    let trailers = HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), status)]);
    let body = Full::new(message.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(body.boxed_unsync());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}
