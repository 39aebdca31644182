//! The routes of a listener: an axum router, and beside it the table by which the server knows each route's name and limits.
//!
//! axum does not list what a router contains, and a layer inside it costs each request more than the whole guard. So
//! routes are registered here and passed on; a ready-made router brings its labels by a layer instead.

mod label;
mod table;

pub(crate) use label::Label;
pub(crate) use table::{METHODS, Route, RouteTable, UNMATCHED, method_index, method_of};

use crate::options::Limits;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::MethodRouter;
use std::time::Duration;

/// The largest body that axum's extractors take unless told otherwise.
const AXUM_BODY_BYTES: usize = 2 << 20;

/// The routes that a listener serves.
#[derive(Clone, Debug, Default)]
pub struct App {
    router: Router,
    routes: Vec<Registered>,
    foreign: bool,
}

/// A route's own limits; `None` = the server's.
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

    /// Merges a ready-made router. Its labels come from axum's `MatchedPath` by a layer, which costs each of its requests
    /// some time; its routes have the server's limits.
    #[must_use]
    pub fn merge_router(mut self, router: Router) -> Self {
        self.router = self.router.merge(router);
        self.foreign = true;
        self
    }

    /// Builds the routes once for nothing, so that a conflict is known before anything listens.
    ///
    /// # Errors
    /// What [`Server::serve`](crate::Server::serve) would panic with.
    pub fn check(&self) -> Result<(), String> {
        let app = self.clone();
        let built = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(app.build(&Limits::default()))));
        built.map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
        })
    }

    /// The router to call and the table to look routes up in.
    pub(crate) fn build(self, limits: &Limits) -> (Router, RouteTable) {
        let mut table = RouteTable::new(self.foreign, limits);
        let mut router = if self.foreign { label::labelled(self.router) } else { self.router };
        if limits.body_bytes > AXUM_BODY_BYTES {
            router = router.layer(DefaultBodyLimit::disable());
        }
        for Registered { path, mut methods, options } in self.routes {
            // The server counts body bytes itself; axum's own bound would come first.
            if options.body_bytes.unwrap_or(limits.body_bytes) > AXUM_BODY_BYTES {
                methods = methods.layer(DefaultBodyLimit::disable());
            }
            table.register(&path, options, limits);
            router = router.route(&path, methods);
        }
        (router, table)
    }
}

impl From<Router> for App {
    fn from(router: Router) -> Self {
        Self::new().merge_router(router)
    }
}
