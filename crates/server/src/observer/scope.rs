//! The scopes of one request: entered one inside the other, ended together.

use super::{Began, Record, RequestScope, Watch};
use http::{HeaderMap, StatusCode};

/// What the observers keep for one request: the first observer's scope, and those inside of it. One observer is the
/// rule, and costs nothing beyond its own scope.
pub(crate) struct Scopes {
    first: Box<dyn RequestScope>,
    inside: Option<Box<Scopes>>,
}

impl std::fmt::Debug for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scopes({})", std::iter::successors(Some(self), |scopes| scopes.inside.as_deref()).count())
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
    pub(crate) fn began(&self, mut request: Began<'_>) -> Option<Scopes> {
        let mut observers = self.observers.iter().filter(|one| one.begins);
        let first = observers.find_map(|one| one.observer.began(&mut request))?;
        let mut scopes = Scopes { first, inside: None };
        let mut end = &mut scopes.inside;
        for first in observers.filter_map(|one| one.observer.began(&mut request)) {
            end = &mut end.insert(Box::new(Scopes { first, inside: None })).inside;
        }
        Some(scopes)
    }

    /// Tells the observers of an end: inside the scopes, whose end it is, too.
    #[cold]
    pub(crate) fn ended(&self, scopes: Option<Scopes>, ended: Ended, record: &Record<'_>) {
        let mut tell = || {
            let told = self.observers.iter().filter(|one| one.threshold.is_met(ended.severity, ended.duration_ns));
            told.for_each(|one| one.observer.ended(record));
        };
        let Some(mut scopes) = scopes else { return tell() };
        scopes.enter(&mut tell);
        scopes.ended(record);
    }
}

impl Scopes {
    /// Runs inside all scopes, the first outermost.
    pub(crate) fn enter(&mut self, run: &mut dyn FnMut()) {
        match &mut self.inside {
            None => self.first.enter(run),
            Some(inside) => self.first.enter(&mut || inside.enter(run)),
        }
    }

    /// The head of the response.
    pub(crate) fn answered(&mut self, status: StatusCode, headers: &mut HeaderMap) {
        self.first.answered(status, headers);
        if let Some(inside) = &mut self.inside {
            inside.answered(status, headers);
        }
    }

    /// The trace, if one of them knows it.
    pub(crate) fn trace_id(&self) -> Option<&str> {
        self.first.trace_id().or_else(|| self.inside.as_ref()?.trace_id())
    }

    /// The innermost ends first.
    fn ended(self, record: &Record<'_>) {
        if let Some(inside) = self.inside {
            inside.ended(record);
        }
        self.first.ended(record);
    }
}
