//! A scripted API server. Every request becomes an [`Ask`] that the test answers, late, wrongly or never.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::Response;
use lameduck_cluster::{Cluster, Identity, Options};
use lameduck_lifecycle::ClusterFact;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Long enough for any machine; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const UID: &str = "uid-of-us";

/// The server, with one queue of requests for each resource: what the followers ask side by side stays apart.
pub(crate) struct ApiServer {
    url: String,
    pub(crate) slices: Asks,
    pub(crate) pods: Asks,
    pub(crate) events: Asks,
}

/// Requests in the order in which they came.
pub(crate) struct Asks(mpsc::Receiver<Ask>);

/// One request, not yet answered. Dropped: the connection breaks in the middle of an answer.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) body: Bytes,
    reply: oneshot::Sender<Response>,
}

/// The open end of a watch. Dropped: the watch ends in order.
pub(crate) struct Watch(mpsc::Sender<Result<Bytes, std::io::Error>>);

#[derive(Clone)]
struct Queues {
    slices: mpsc::Sender<Ask>,
    pods: mpsc::Sender<Ask>,
    events: mpsc::Sender<Ask>,
}

impl ApiServer {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let ((slices, slices_asked), (pods, pods_asked), (events, events_asked)) =
            (mpsc::channel(64), mpsc::channel(64), mpsc::channel(64));
        let router = axum::Router::new().fallback(queue).with_state(Queues { slices, pods, events });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, slices: Asks(slices_asked), pods: Asks(pods_asked), events: Asks(events_asked) }
    }

    pub(crate) fn cluster(&self, options: Options) -> Cluster {
        let identity =
            Identity { name: "web-1".to_owned(), namespace: "shop".to_owned(), uid: UID.to_owned(), container: None };
        Cluster::through_proxy(&self.url, identity, options).unwrap()
    }

    /// Begins to watch; gives the facts.
    pub(crate) fn watch(&self, options: Options) -> Facts {
        // Wide enough that a test may leave facts unread while it plays the server.
        let (facts, received) = mpsc::channel(1024);
        let cluster = self.cluster(options);
        tokio::spawn(
            async move { tokio::join!(cluster.watch_endpoints(facts.clone()), cluster.watch_deletion(facts)) },
        );
        Facts(received)
    }
}

async fn queue(State(queues): State<Queues>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let queue = match parts.uri.path() {
        path if path.contains("/endpointslices") => &queues.slices,
        path if path.contains("/pods") => &queues.pods,
        path if path.contains("/events") => &queues.events,
        path => panic!("nobody should ask for {path}"),
    };
    let (reply, answer) = oneshot::channel();
    let ask = Ask { method: parts.method, uri: parts.uri, body, reply };
    let _ = queue.send(ask).await;
    answer.await.unwrap_or_else(|_| broken())
}

/// Promises an answer and breaks off.
fn broken() -> Response {
    let (sender, body) = streamed();
    tokio::spawn(async move {
        let _ = sender.send(Ok(Bytes::from_static(b"{\"kind\":"))).await;
        let _ = sender.send(Err(std::io::Error::other("broken"))).await;
    });
    Response::new(body)
}

fn streamed() -> (mpsc::Sender<Result<Bytes, std::io::Error>>, Body) {
    let (sender, receiver) = mpsc::channel(16);
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });
    (sender, Body::from_stream(stream))
}

impl Asks {
    pub(crate) async fn next(&mut self) -> Ask {
        tokio::time::timeout(PATIENCE, self.0.recv()).await.expect("no further request came").expect("server runs")
    }

    /// The next request, which must be a list.
    pub(crate) async fn list(&mut self) -> Ask {
        let ask = self.next().await;
        assert!(!ask.is_watch(), "expected a list, got {}", ask.uri);
        ask
    }

    /// The next request, which must be a watch from `version`.
    pub(crate) async fn watch_from(&mut self, version: &str) -> Ask {
        let ask = self.next().await;
        assert!(ask.is_watch(), "expected a watch, got {}", ask.uri);
        assert_eq!(ask.query("resourceVersion").as_deref(), Some(version), "{}", ask.uri);
        ask
    }

    pub(crate) fn none_waits(&mut self) -> bool {
        self.0.try_recv().is_err()
    }
}

impl Ask {
    fn is_watch(&self) -> bool {
        self.query("watch").as_deref() == Some("true")
    }

    /// A parameter, with the few escapes that occur undone.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let pairs = self.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
        let value = pairs.into_iter().find(|(key, _)| *key == name)?.1;
        let escapes = [("+", " "), ("%2F", "/"), ("%28", "("), ("%29", ")"), ("%2C", ","), ("%3D", "="), ("%20", " ")];
        Some(escapes.iter().fold(value.to_owned(), |text, (from, to)| text.replace(from, to)))
    }

    pub(crate) fn json(self, value: &Value) {
        self.raw(StatusCode::OK, value.to_string());
    }

    pub(crate) fn raw(self, status: StatusCode, body: String) {
        let response = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
        let _ = self.reply.send(response.body(Body::from(body)).unwrap());
    }

    pub(crate) fn refuse(self, code: u16, reason: &str) {
        let status = status(code, reason);
        self.raw(StatusCode::from_u16(code).unwrap(), status.to_string());
    }

    /// Opens the watch.
    pub(crate) fn stream(self) -> Watch {
        let (sender, body) = streamed();
        let _ = self.reply.send(Response::new(body));
        Watch(sender)
    }
}

impl Watch {
    pub(crate) async fn send(&self, kind: &str, object: Value) {
        let line = format!("{}\n", json!({ "type": kind, "object": object }));
        self.0.send(Ok(Bytes::from(line))).await.expect("somebody watches");
    }

    pub(crate) async fn bookmark(&self, kind: &str, version: &str) {
        self.send(
            "BOOKMARK",
            json!({ "kind": kind, "apiVersion": "x/v1", "metadata": { "resourceVersion": version } }),
        )
        .await;
    }

    /// Breaks the connection.
    pub(crate) async fn tear(self) {
        let _ = self.0.send(Err(std::io::Error::other("torn"))).await;
    }
}

pub(crate) fn status(code: u16, reason: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": format!("scripted: {reason}"), "reason": reason, "code": code
    })
}

/// A slice: endpoints as `(uid, ready, terminating)`.
pub(crate) fn slice(name: &str, service: &str, version: &str, endpoints: &[(&str, bool, bool)]) -> Value {
    let endpoints: Vec<_> = endpoints
        .iter()
        .map(|(uid, ready, terminating)| {
            json!({
                "addresses": ["10.0.0.1"],
                "conditions": { "ready": ready, "serving": ready, "terminating": terminating },
                "targetRef": { "kind": "Pod", "name": "x", "uid": uid }
            })
        })
        .collect();
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": name, "namespace": "shop", "resourceVersion": version,
            "labels": { "kubernetes.io/service-name": service }
        },
        "addressType": "IPv4", "endpoints": endpoints, "ports": []
    })
}

pub(crate) fn list(version: &str, slices: &[Value]) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSliceList",
        "metadata": { "resourceVersion": version }, "items": slices
    })
}

/// What came out.
pub(crate) struct Facts(mpsc::Receiver<ClusterFact>);

impl Facts {
    pub(crate) async fn next(&mut self) -> ClusterFact {
        tokio::time::timeout(PATIENCE, self.0.recv()).await.expect("no further fact came").expect("the watch ended")
    }

    /// The next fact that is not about an attempt that failed.
    pub(crate) async fn next_answer(&mut self) -> ClusterFact {
        loop {
            let fact = self.next().await;
            if fact != ClusterFact::Unreachable {
                return fact;
            }
        }
    }

    pub(crate) fn none_waits(&mut self) -> bool {
        self.0.try_recv().is_err()
    }
}

pub(crate) fn endpoints(registered: bool, last_serving: bool) -> ClusterFact {
    ClusterFact::Endpoints { registered, last_serving }
}
