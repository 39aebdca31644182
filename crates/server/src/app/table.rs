//! The routes by number: name, limits, histograms.

use super::{Conventions, RouteOptions};
use crate::clock;
use crate::histogram::{CallHistogram, RouteHistogram, Series};
use crate::listen::ListenerFacts;
use crate::options::Limits;
use axum::Router;
use http::Method;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// The number of "no route matched". Its label is empty.
pub(crate) const UNMATCHED: u16 = 0;

/// Labels of ready-made routers that are kept apart; more share [`UNMATCHED`].
const FOREIGN_MAX: usize = 256;

/// Methods as labels: a closed set.
pub(crate) const METHODS: [&str; 10] =
    ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "_OTHER"];

static METHOD_VALUES: [Method; 9] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::PATCH,
    Method::HEAD,
    Method::OPTIONS,
    Method::CONNECT,
    Method::TRACE,
];

/// The position of `method` in [`METHODS`].
#[inline]
pub(crate) fn method_index(method: &Method) -> u8 {
    match *method {
        Method::GET => 0,
        Method::POST => 1,
        Method::PUT => 2,
        Method::DELETE => 3,
        Method::PATCH => 4,
        Method::HEAD => 5,
        Method::OPTIONS => 6,
        Method::CONNECT => 7,
        Method::TRACE => 8,
        _ => 9,
    }
}

/// The method at a position of [`METHODS`]; one outside the set has lost its name.
pub(crate) fn method_of(index: u8) -> Method {
    METHOD_VALUES.get(usize::from(index)).cloned().unwrap_or_else(|| Method::from_bytes(b"_OTHER").unwrap_or_default())
}

/// No limit.
const NONE: u64 = u64::MAX;

/// One route.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) path: Arc<str>,
    /// From the request head to the response head.
    pub(crate) request_timeout_ns: u64,
    pub(crate) body_bytes: u64,
    /// Whether its requests are in the ledger, the metrics and the log.
    pub(crate) counted: bool,
    pub(crate) series: Series,
}

impl Route {
    fn new(path: &str, options: RouteOptions, limits: Option<&Limits>) -> Self {
        let request_timeout = options.request_timeout.or(limits.map(|limits| limits.request_timeout));
        let body_bytes = options.body_bytes.or(limits.map(|limits| limits.body_bytes));
        Self {
            path: Arc::from(path),
            request_timeout_ns: request_timeout.map_or(NONE, clock::ns),
            body_bytes: body_bytes.map_or(NONE, |bytes| bytes as u64),
            counted: true,
            series: Series::default(),
        }
    }
}

/// The limit of a request body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BodyLimit {
    pub(crate) bytes: u64,
    /// It is the route's own: an announced length above it is refused at once.
    pub(crate) is_sure: bool,
}

/// All routes of one listener.
#[derive(Debug)]
pub(crate) struct RouteTable {
    matcher: matchit::Router<u16>,
    routes: Vec<Route>,
    foreign: Option<Foreign>,
    limits: Option<Limits>,
    pub(crate) conventions: Conventions,
    pub(crate) listener: ListenerFacts,
    /// What answers gRPC calls, if that is not the router of everything else.
    pub(crate) calls: Option<Router>,
}

/// Labels that a ready-made router brought so far.
#[derive(Debug)]
struct Foreign {
    numbers: RwLock<HashMap<Box<str>, u16>>,
    routes: Box<[OnceLock<Route>]>,
}

impl RouteTable {
    pub(super) fn new(conventions: Conventions, limits: &Limits, listener: ListenerFacts) -> Self {
        let limits = conventions.request_limits.then(|| limits.clone());
        let unmatched = Route::new("", RouteOptions::default(), limits.as_ref());
        Self {
            matcher: matchit::Router::new(),
            routes: vec![unmatched],
            foreign: None,
            limits,
            conventions,
            listener,
            calls: None,
        }
    }

    /// Labels will come from a ready-made router. To be called before the table is used.
    pub(super) fn expect_labels(&mut self, options: RouteOptions) {
        self.foreign.get_or_insert_with(|| Foreign {
            numbers: RwLock::default(),
            routes: (0..FOREIGN_MAX).map(|_| OnceLock::new()).collect(),
        });
        // Until the label is known, the widest of all limits holds.
        if let Some(bytes) = options.body_bytes {
            self.routes[0].body_bytes = self.routes[0].body_bytes.max(bytes as u64);
        }
    }

    /// Adds a pattern. One that axum will refuse is left to axum to refuse; one that comes twice (a method each) is one
    /// route. `limited`: the server's limits hold where it has none of its own.
    pub(super) fn register(&mut self, path: &str, options: RouteOptions, limited: bool) {
        let limits = self.limits.as_ref().filter(|_| limited);
        let Ok(number) = u16::try_from(self.routes.len()) else { return };
        if self.matcher.insert(path, number).is_ok() {
            self.routes.push(Route::new(path, options, limits));
        }
    }

    /// Adds a route whose requests are not counted.
    pub(super) fn register_probe(&mut self, path: &str) {
        let before = self.routes.len();
        self.register(path, RouteOptions::default(), true);
        if let Some(route) = self.routes.get_mut(before) {
            route.counted = false;
        }
    }

    /// The number of the route that `path` belongs to.
    #[inline]
    pub(crate) fn find(&self, path: &str) -> u16 {
        self.matcher.at(path).map_or(UNMATCHED, |found| *found.value)
    }

    /// The route with this number.
    #[inline]
    pub(crate) fn route(&self, number: u16) -> &Route {
        let index = usize::from(number);
        self.routes.get(index).unwrap_or_else(|| self.foreign_route(index - self.routes.len()))
    }

    fn foreign_route(&self, index: usize) -> &Route {
        self.foreign.as_ref().and_then(|foreign| foreign.routes.get(index)?.get()).unwrap_or(&self.routes[0])
    }

    /// How long a body of this route may be. `None`: there is no limit.
    #[inline]
    pub(crate) fn body_bytes_max(&self, number: u16) -> Option<BodyLimit> {
        let bytes = self.route(number).body_bytes;
        // A ready-made router says which route this is when it is called: then the reader of the body finds out.
        (bytes != NONE).then_some(BodyLimit { bytes, is_sure: number != UNMATCHED || !self.has_foreign() })
    }

    /// Whether labels come from a ready-made router.
    #[inline]
    pub(crate) fn has_foreign(&self) -> bool {
        self.foreign.is_some()
    }

    /// The number of a ready-made router's label.
    pub(crate) fn number_of(&self, label: &str, options: RouteOptions) -> u16 {
        let Some(foreign) = &self.foreign else { return UNMATCHED };
        if let Some(&number) = foreign.numbers.read().unwrap_or_else(PoisonError::into_inner).get(label) {
            return number;
        }
        let mut numbers = foreign.numbers.write().unwrap_or_else(PoisonError::into_inner);
        let index = numbers.len();
        if let Some(&number) = numbers.get(label) {
            return number;
        }
        let Some(slot) = foreign.routes.get(index) else { return UNMATCHED };
        let Ok(number) = u16::try_from(self.routes.len() + index) else { return UNMATCHED };
        slot.get_or_init(|| Route::new(label, options, self.limits.as_ref()));
        numbers.insert(label.into(), number);
        number
    }

    /// Adds every histogram to `out`.
    pub(crate) fn collect(&self, out: &mut Vec<RouteHistogram>) {
        let foreign = self.foreign.iter().flat_map(|foreign| foreign.routes.iter().filter_map(OnceLock::get));
        for route in self.routes.iter().chain(foreign) {
            route.series.collect(&route.path, out);
        }
    }

    /// Adds every histogram of calls to `out`.
    pub(crate) fn collect_calls(&self, out: &mut Vec<CallHistogram>) {
        let foreign = self.foreign.iter().flat_map(|foreign| foreign.routes.iter().filter_map(OnceLock::get));
        for route in self.routes.iter().chain(foreign) {
            route.series.collect_calls(&route.path, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_labels_are_bounded() {
        let options = RouteOptions { request_timeout: Some(std::time::Duration::from_secs(1)), body_bytes: None };
        let mut table = RouteTable::new(Conventions::default(), &Limits::default(), super::super::NOWHERE);
        table.expect_labels(options);
        let numbers: Vec<u16> =
            (0..FOREIGN_MAX + 10).map(|index| table.number_of(&format!("/{index}"), options)).collect();
        assert_eq!(numbers[0], 1);
        assert_eq!(&*table.route(numbers[FOREIGN_MAX - 1]).path, format!("/{}", FOREIGN_MAX - 1));
        assert_eq!(numbers[FOREIGN_MAX], UNMATCHED);
        assert_eq!(table.number_of("/3", options), numbers[3]);
        let route = table.route(numbers[3]);
        assert_eq!((route.request_timeout_ns, route.body_bytes), (1_000_000_000, NONE));
    }

    #[test]
    fn a_pattern_that_comes_twice_is_one_route() {
        let limits = Limits::default();
        let mut table = RouteTable::new(Conventions::default(), &limits, super::super::NOWHERE);
        for path in ["/user/{id}", "/user/{id}", "/user/me"] {
            table.register(path, RouteOptions::default(), true);
        }
        assert_eq!(table.find("/user/7"), 1);
        assert_eq!(table.find("/user/me"), 2);
        assert_eq!(table.find("/"), UNMATCHED);
    }

    #[test]
    fn every_method_has_a_label() {
        for (index, method) in METHOD_VALUES.iter().enumerate() {
            assert_eq!(METHODS[usize::from(method_index(method))], METHODS[index]);
            assert_eq!(method.as_str(), METHODS[index]);
        }
        assert_eq!(method_index(&Method::from_bytes(b"BREW").unwrap()), 9);
    }
}
