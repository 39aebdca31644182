//! The scopes of one request: entered one inside the other, ended together.

use super::{Began, Record, RequestScope, Watch};
use http::{HeaderMap, StatusCode};

/// What the observers keep for one request.
pub(crate) struct Scopes(Vec<Box<dyn RequestScope>>);

impl std::fmt::Debug for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scopes({})", self.0.len())
    }
}

/// An end, as a threshold is compared with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) severity: u16,
    pub(crate) duration_ns: u64,
}

impl Watch {
    /// Tells the observers of a begin.
    #[cold]
    pub(crate) fn began(&self, mut request: Began<'_>) -> Option<Box<Scopes>> {
        let observers = self.observers.iter().filter(|one| one.begins);
        let scopes: Vec<_> = observers.filter_map(|one| one.observer.began(&mut request)).collect();
        (!scopes.is_empty()).then(|| Box::new(Scopes(scopes)))
    }

    /// Tells the observers of an end: inside the scopes, whose end it is, too.
    #[cold]
    pub(crate) fn ended(&self, scopes: Option<Box<Scopes>>, ended: Ended, record: &Record<'_>) {
        let mut tell = || {
            let told = self.observers.iter().filter(|one| one.threshold.is_met(ended.severity, ended.duration_ns));
            told.for_each(|one| one.observer.ended(record));
        };
        let Some(mut scopes) = scopes else { return tell() };
        scopes.enter(&mut tell);
        scopes.0.into_iter().rev().for_each(|scope| scope.ended(record));
    }
}

impl Scopes {
    /// Runs inside all scopes, the first outermost.
    pub(crate) fn enter(&mut self, run: &mut dyn FnMut()) {
        enter(&mut self.0, run);
    }

    /// The head of the response.
    pub(crate) fn answered(&mut self, status: StatusCode, headers: &mut HeaderMap) {
        self.0.iter_mut().for_each(|scope| scope.answered(status, headers));
    }

    /// The trace, if one of them knows it.
    pub(crate) fn trace_id(&self) -> Option<&str> {
        self.0.iter().find_map(|scope| scope.trace_id())
    }
}

fn enter(scopes: &mut [Box<dyn RequestScope>], run: &mut dyn FnMut()) {
    match scopes.split_first_mut() {
        None => run(),
        Some((first, rest)) => first.enter(&mut || enter(rest, run)),
    }
}
