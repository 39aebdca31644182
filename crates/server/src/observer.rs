//! Request observers: told when a request begins and when it ends. An access log needs the end, a trace needs both.
//!
//! An observer is given with [`Options::observers`](crate::Options::observers). Without one, a request pays two loads
//! for this module.

mod scope;

pub(crate) use scope::{Ended, Scopes};

use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use lameduck_lifecycle::{Kind, Outcome, Protocol};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Sees requests begin and end.
///
/// Called on the work runtime, in the request's own path: must not block.
///
/// ```
/// use lameduck_server::{Interest, Record, RequestObserver};
///
/// struct AccessLog;
///
/// impl RequestObserver for AccessLog {
///     fn interest(&self) -> Interest {
///         Interest::Errors
///     }
///
///     fn ended(&self, record: &Record<'_>) {
///         println!("{} {} {}", record.method, record.route.unwrap_or("-"), record.outcome);
///     }
/// }
/// ```
pub trait RequestObserver: Send + Sync + 'static {
    /// The ends that [`ended`](Self::ended) is called for. Asked once, when the server is made.
    fn interest(&self) -> Interest {
        Interest::Off
    }

    /// Whether [`began`](Self::began) is called. Asked once, when the server is made.
    fn observes_begin(&self) -> bool {
        false
    }

    /// A request has begun: its head is complete, it is registered, no handler has seen it. Also for a request that the
    /// server answers itself (503, 413).
    ///
    /// What the observer puts into the extensions is there for layers and handlers. A scope that is returned
    /// accompanies the request to its end; `None` costs nothing more (a trace that is not sampled).
    fn began(&self, request: &mut Began<'_>) -> Option<Box<dyn RequestScope>> {
        let _ = request;
        None
    }

    /// A request of [`interest`](Self::interest) has ended. Called inside of every [`RequestScope`] that the request
    /// has.
    fn ended(&self, record: &Record<'_>) {
        let _ = record;
    }
}

/// One observer's part of one request, from its begin to its end.
///
/// Exactly one of these ends each request: [`ended`](Self::ended), whatever happened to the request: answered, cut,
/// panicked, left by its client.
pub trait RequestScope: Send + 'static {
    /// Runs a part of the request inside of this scope: a poll of the handler, the observers'
    /// [`ended`](RequestObserver::ended). Must call `run` exactly once. A tracing span is entered here.
    fn enter(&mut self, run: &mut dyn FnMut()) {
        run();
    }

    /// The head of the response, before it goes out.
    fn answered(&mut self, status: StatusCode, headers: &mut HeaderMap) {
        let _ = (status, headers);
    }

    /// The id of the trace that this request belongs to: error bodies show it as `trace_id`.
    fn trace_id(&self) -> Option<&str> {
        None
    }

    /// The request has ended.
    fn ended(self: Box<Self>, record: &Record<'_>);
}

/// A request that begins.
#[derive(Debug)]
#[non_exhaustive]
pub struct Began<'a> {
    /// Its head: method, target, headers, extensions. The request goes on with what is left here.
    pub parts: &'a mut Parts,
    /// The pattern of the route, never the path that was asked for. `None`: no route matched, or the route is one of a
    /// ready-made router, which is only known once the router is called: [`Record::route`] has it.
    pub route: Option<&'a str>,
    /// `x-request-id`; empty if the request has none.
    pub request_id: &'a str,
    /// The name of the listener that the connection came to.
    pub listener: &'static str,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// What the connection speaks.
    pub protocol: Protocol,
    /// What the request is, as far as its head tells.
    pub kind: Kind,
    /// Whether the process is leaving already.
    pub leaving: bool,
    /// Time until it must have been answered, by the limit of its route or by its client's deadline. `None`: it has no
    /// bound, or its route is not known yet.
    pub time_left: Option<Duration>,
}

/// An ended request.
#[derive(Debug)]
#[non_exhaustive]
pub struct Record<'a> {
    /// The method.
    pub method: &'a Method,
    /// The pattern of the route, never the path that was asked for; `None` if no route matched.
    pub route: Option<&'a str>,
    /// The status of the response head; `None` if there was none.
    pub status: Option<StatusCode>,
    /// The `grpc-status` of a gRPC call; `None` if it ended without, or is none.
    pub grpc_status: Option<u16>,
    /// From the request head to the last byte handed over.
    pub duration: Duration,
    /// `x-request-id`; empty if the request has none.
    pub request_id: &'a str,
    /// The name of the listener that the connection came to.
    pub listener: &'static str,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// What the connection speaks.
    pub protocol: Protocol,
    /// What the request was.
    pub kind: Kind,
    /// How it ended.
    pub outcome: Outcome,
}

/// Which ended requests an observer is told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interest {
    /// None.
    #[default]
    Off,
    /// Responses of 500 and above (gRPC: the statuses that mean the same), and every end that is no response.
    Errors,
    /// Those, and requests that took at least this long.
    Slow(Duration),
    /// All.
    All,
}

/// The observers of a server, in the order in which they are told.
#[derive(Clone, Default)]
pub struct Observers(Vec<Arc<dyn RequestObserver>>);

impl Observers {
    /// None.
    pub fn none() -> Self {
        Self::default()
    }

    /// With `observer` as the last.
    #[must_use]
    pub fn with(mut self, observer: Arc<dyn RequestObserver>) -> Self {
        self.0.push(observer);
        self
    }
}

impl std::fmt::Debug for Observers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Observers({})", self.0.len())
    }
}

/// Severity of an end without a response: above every status, below [`NEVER`].
pub(crate) const NO_RESPONSE: u16 = 1000;

/// Above every severity.
const NEVER: u16 = u16::MAX;

/// What a request's end is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Threshold {
    severity: u16,
    duration_ns: u64,
}

impl Threshold {
    fn of(interest: Interest) -> Self {
        match interest {
            Interest::Off => Self { severity: NEVER, duration_ns: u64::MAX },
            Interest::Errors => Self { severity: 500, duration_ns: u64::MAX },
            Interest::Slow(least) => Self { severity: 500, duration_ns: crate::clock::ns(least) },
            Interest::All => Self { severity: 0, duration_ns: 0 },
        }
    }

    #[inline]
    fn is_met(self, severity: u16, duration_ns: u64) -> bool {
        severity >= self.severity || duration_ns >= self.duration_ns
    }
}

/// The observers as the hot path needs them.
#[derive(Debug)]
pub(crate) struct Watch {
    observers: Vec<Watched>,
    /// The lowest of all.
    lowest: Threshold,
    begins: bool,
}

struct Watched {
    observer: Arc<dyn RequestObserver>,
    threshold: Threshold,
    begins: bool,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").field("threshold", &self.threshold).field("begins", &self.begins).finish()
    }
}

impl Watch {
    pub(crate) fn new(observers: &Observers) -> Self {
        let watched = |observer: &Arc<dyn RequestObserver>| Watched {
            observer: observer.clone(),
            threshold: Threshold::of(observer.interest()),
            begins: observer.observes_begin(),
        };
        let observers: Vec<_> = observers.0.iter().map(watched).collect();
        let lowest = observers.iter().fold(Threshold::of(Interest::Off), |lowest, one| Threshold {
            severity: lowest.severity.min(one.threshold.severity),
            duration_ns: lowest.duration_ns.min(one.threshold.duration_ns),
        });
        let begins = observers.iter().any(|one| one.begins);
        Self { observers, lowest, begins }
    }

    /// Whether anything observes how requests end: then their ids are kept.
    #[inline]
    pub(crate) fn keeps_ids(&self) -> bool {
        self.begins || self.lowest.severity != NEVER
    }

    /// Whether anything observes how requests begin.
    #[inline]
    pub(crate) fn begins(&self) -> bool {
        self.begins
    }

    /// Whether an observer is told of such an end.
    #[inline]
    pub(crate) fn wants(&self, severity: u16, duration_ns: u64) -> bool {
        self.lowest.is_met(severity, duration_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interests_are_thresholds() {
        let of = |interest, severity, ms: u64| Threshold::of(interest).is_met(severity, ms * 1_000_000);
        assert!(!of(Interest::Off, NO_RESPONSE, 3_600_000));
        assert!(of(Interest::Errors, 500, 0) && of(Interest::Errors, NO_RESPONSE, 0));
        assert!(!of(Interest::Errors, 499, 3_600_000));
        let slow = Interest::Slow(Duration::from_secs(1));
        assert!(of(slow, 200, 1000) && of(slow, 500, 0) && !of(slow, 200, 999));
        assert!(of(Interest::All, 200, 0));
    }

    #[test]
    fn the_lowest_threshold_of_all_decides() {
        struct Asks(Interest);
        impl RequestObserver for Asks {
            fn interest(&self) -> Interest {
                self.0
            }
        }
        let watch = |interests: &[Interest]| {
            let observers = interests.iter().fold(Observers::none(), |all, one| all.with(Arc::new(Asks(*one))));
            Watch::new(&observers)
        };
        assert!(!watch(&[]).keeps_ids());
        assert!(!watch(&[Interest::Off]).keeps_ids());
        let both = watch(&[Interest::Errors, Interest::Slow(Duration::from_secs(1))]);
        assert!(both.wants(200, 2_000_000_000) && both.wants(500, 0) && !both.wants(200, 0));
    }
}
