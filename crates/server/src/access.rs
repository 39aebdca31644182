//! The hook for an access log: one load of a threshold for each request, everything else is cold.

use http::{Method, StatusCode};
use lameduck_lifecycle::{Kind, Outcome, Protocol};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Receives ended requests. Called on the work runtime, in the request's own path: must not block.
pub trait AccessLog: Send + Sync + 'static {
    /// One request has ended.
    fn ended(&self, record: &Record<'_>);
}

/// An ended request.
#[derive(Debug)]
pub struct Record<'a> {
    /// The method.
    pub method: &'a Method,
    /// The pattern of the route, never the path that was asked for; `None` if no route matched.
    pub route: Option<&'a str>,
    /// The status of the response head; `None` if there was none.
    pub status: Option<StatusCode>,
    /// From the request head to the last byte handed over.
    pub duration: Duration,
    /// `x-request-id`; empty if ids are off.
    pub request_id: &'a str,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// What the connection speaks.
    pub protocol: Protocol,
    /// What the request was.
    pub kind: Kind,
    /// How it ended.
    pub outcome: Outcome,
}

/// Which ended requests are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// None.
    #[default]
    Off,
    /// Answers of 500 and above, and every end that is no answer.
    Errors,
    /// All.
    All,
}

/// Who is told of ended requests, and of which.
#[derive(Clone, Default)]
pub struct Access {
    /// Which.
    pub which: Which,
    /// Who. `None`: nobody, whatever `which` says.
    pub log: Option<Arc<dyn AccessLog>>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("which", &self.which).field("log", &self.log.is_some()).finish()
    }
}

impl Access {
    /// The least severity that is told: an answer has its status, any other end [`NO_ANSWER`].
    pub(crate) fn threshold(&self) -> u16 {
        match (&self.log, self.which) {
            (None, _) | (_, Which::Off) => u16::MAX,
            (Some(_), Which::Errors) => 500,
            (Some(_), Which::All) => 0,
        }
    }
}

/// Severity of an end without an answer: above every status, below "off".
pub(crate) const NO_ANSWER: u16 = 1000;
