//! The routes of a listener: axum routers, and beside them the table by which the server knows each route's name and
//! limits.
//!
//! An app gets what it asks for and nothing else: a ready-made axum [`Router`] answers through the server as it answers
//! by itself.
//!
//! axum does not list what a router contains, and a layer inside of it costs each request. So routes that are
//! registered here are known to the server from the request line; those of a ready-made router bring their label by a
//! thin layer.

mod label;
mod table;

pub(crate) use table::{BodyLimit, METHODS, RouteTable, UNMATCHED, method_index, method_of};

use crate::listen::ListenerFacts;
use crate::options::Limits;
use crate::protocols::Protocols;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, Route as AxumRoute};
use label::Labels;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tower::{Layer, Service};

/// The largest body that axum's extractors take by default.
const AXUM_BODY_BYTES: usize = 2 << 20;

/// The listener of an app that is only checked.
const NOWHERE: ListenerFacts = ListenerFacts { name: "", protocols: Protocols::All };

/// The routes that a listener serves, and what the server adds to them.
///
/// ```
/// use axum::{Router, routing::get};
/// use lameduck_server::App;
///
/// // As it is: no limits but its own, its own error bodies.
/// let ready_made = App::from(Router::new().route("/", get(|| async { "hello" })));
///
/// // A new service: everything that the server can add.
/// let new = App::new().json_errors().request_ids().request_limits().route("/ping", get(|| async { "pong" }));
/// # drop((ready_made, new));
/// ```
#[derive(Clone, Default)]
pub struct App {
    routes: Vec<Registered>,
    merged: Vec<(Router, RouteOptions)>,
    layers: Vec<Arc<dyn Fn(Router) -> Router + Send + Sync>>,
    probe: Option<Registered>,
    calls: Option<Box<App>>,
    conventions: Conventions,
}

/// What the server adds to the requests of an app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Conventions {
    pub(crate) json_errors: bool,
    pub(crate) request_ids: bool,
    pub(crate) request_limits: bool,
}

/// A route's own limits; `None`: those of the server, if the app has [`App::request_limits`], else none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteOptions {
    /// From the request head to the response head.
    pub request_timeout: Option<Duration>,
    /// Bytes of a request body.
    pub body_bytes: Option<usize>,
}

#[derive(Clone, Debug)]
struct Registered {
    path: String,
    methods: MethodRouter,
    options: RouteOptions,
}

impl App {
    /// No routes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route. Its pattern is the `route` label of its metrics.
    ///
    /// # Panics
    /// Later, in [`Server::serve`](crate::Server::serve), if the pattern is invalid or taken: as axum's own `route`.
    #[must_use]
    pub fn route(self, path: &str, methods: MethodRouter) -> Self {
        self.route_with(path, methods, RouteOptions::default())
    }

    /// Adds a route with its own limits.
    ///
    /// # Panics
    /// As [`App::route`].
    #[must_use]
    pub fn route_with(mut self, path: &str, methods: MethodRouter, options: RouteOptions) -> Self {
        self.routes.push(Registered { path: path.to_owned(), methods, options });
        self
    }

    /// Adds a route for load balancers that can only ask the work port whether the process is ready. Its requests are
    /// in no ledger, no metric and no log, and are answered also when the server is busy. Outside of all layers. The
    /// last one counts.
    ///
    /// # Panics
    /// As [`App::route`].
    #[must_use]
    pub fn probe_route(mut self, path: &str, methods: MethodRouter) -> Self {
        self.probe = Some(Registered { path: path.to_owned(), methods, options: RouteOptions::default() });
        self
    }

    /// Answers gRPC calls by another app, on the same port: what `Content-Type: application/grpc` (or `+proto` and the
    /// like) comes with over HTTP/2. That app's routes and layers count; ids, limits and observers are this one's. The
    /// last one counts.
    #[must_use]
    pub fn calls(mut self, app: Self) -> Self {
        self.calls = Some(Box::new(app));
        self
    }

    /// Merges a ready-made router with everything that it has: state, nested routers, fallback, layers. Its routes have
    /// the pattern that matched as their label, also while in flight.
    #[must_use]
    pub fn merge_router(self, router: Router) -> Self {
        self.merge_router_with(router, RouteOptions::default())
    }

    /// Merges a ready-made router whose routes all have these limits. `body_bytes` is what its extractors take, as by
    /// axum's `DefaultBodyLimit`.
    #[must_use]
    pub fn merge_router_with(mut self, router: Router, options: RouteOptions) -> Self {
        self.merged.push((router, options));
        self
    }

    /// Adds a layer (any tower layer that axum takes) around all routes of the app, and its fallback: inside of
    /// everything that the server does itself. The last one added is the outermost. As with axum, each route has its
    /// own copy of the layer's service.
    #[must_use]
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<AxumRoute> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.layers.push(Arc::new(move |router| router.layer(layer.clone())));
        self
    }

    /// Error responses are JSON, `{"error", "request_id"}`: the server's own, the router's (404, 405), and those of
    /// handlers that have no body or a short plain text. The text of a 4xx is the client's and becomes the sentence;
    /// that of a 5xx is logged instead.
    #[must_use]
    pub fn json_errors(mut self) -> Self {
        self.conventions.json_errors = true;
        self
    }

    /// Every request has an `x-request-id` (the client's if it is fit to be passed on, else a new one), and so has its
    /// response.
    #[must_use]
    pub fn request_ids(mut self) -> Self {
        self.conventions.request_ids = true;
        self
    }

    /// `request_timeout` and `body_bytes` of [`Limits`] hold for every route that has no limits of its own.
    #[must_use]
    pub fn request_limits(mut self) -> Self {
        self.conventions.request_limits = true;
        self
    }

    /// Builds the routes once for nothing, so that a conflict is known before anything listens.
    ///
    /// # Errors
    /// What [`Server::serve`](crate::Server::serve) would panic with.
    pub fn check(&self) -> Result<(), String> {
        let app = self.clone();
        let built =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(app.build(&Limits::default(), NOWHERE))));
        built.map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
        })
    }

    /// The router to call and the table to look routes up in.
    pub(crate) fn build(mut self, limits: &Limits, listener: ListenerFacts) -> (Router, RouteTable) {
        let conventions = self.conventions;
        let mut table = RouteTable::new(conventions, limits, listener);
        let calls = self.calls.take();
        let router = self.register(limits, &mut table);
        table.calls = calls.map(|mut calls| {
            // A call names its own deadline, and its messages have their own limit.
            calls.conventions = Conventions { request_limits: false, ..conventions };
            calls.register(limits, &mut table)
        });
        (router, table)
    }

    /// The router to call; its routes go into the table.
    fn register(self, limits: &Limits, table: &mut RouteTable) -> Router {
        let Self { routes, merged, layers, probe, conventions, calls: _ } = self;
        let layered = |router| layers.iter().fold(router, |router, layer| layer(router));
        let own_limit = |options: RouteOptions| match options.body_bytes {
            Some(bytes) => Some(bytes),
            None => conventions.request_limits.then_some(limits.body_bytes),
        };

        let mut own = Router::new();
        for Registered { path, mut methods, options } in routes {
            // The server counts body bytes itself; axum's own bound would come first.
            if own_limit(options).is_some_and(|bytes| bytes > AXUM_BODY_BYTES) {
                methods = methods.layer(DefaultBodyLimit::disable());
            }
            table.register(&path, options, conventions.request_limits);
            own = own.route(&path, methods);
        }
        let mut router = layered(own);
        for (ready_made, options) in merged {
            table.expect_labels(options);
            let ready_made = match own_limit(options) {
                Some(bytes) if options.body_bytes.is_some() || bytes > AXUM_BODY_BYTES => {
                    ready_made.layer(DefaultBodyLimit::max(bytes))
                }
                _ => ready_made,
            };
            // Outermost: a request is known by its route also while it is in a layer.
            router = router.merge(layered(ready_made).layer(Labels { options }));
        }
        if let Some(Registered { path, methods, .. }) = probe {
            table.register_probe(&path);
            router = router.route(&path, methods);
        }
        router
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { routes, merged, layers, probe, calls, conventions } = self;
        let mut shown = f.debug_struct("App");
        shown.field("routes", routes).field("merged", merged).field("layers", &layers.len());
        shown.field("probe", probe).field("calls", calls).field("conventions", conventions).finish()
    }
}

impl From<Router> for App {
    fn from(router: Router) -> Self {
        Self::new().merge_router(router)
    }
}
