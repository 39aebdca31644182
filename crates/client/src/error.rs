//! What can become of a call.

use lameduck_support::error;
use std::fmt;
use std::time::Duration;

/// A call without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// The target cannot be asked: no absolute URL, or https where it is not built in.
    Target(String),
    /// No connection came about: nothing was sent.
    Connect(String),
    /// The time was over. Whether the peer has the request is not known.
    TimedOut(Duration),
    /// The connection broke. Whether the peer has done what it was asked for is not known.
    Broken(String),
    /// The answer is longer than the limit; the rest was not read.
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
}

impl CallError {
    /// Whether nothing of the request has left this process: asking again repeats nothing.
    pub fn is_unsent(&self) -> bool {
        match self {
            Self::Target(_) | Self::Connect(_) => true,
            Self::TimedOut(_) | Self::Broken(_) | Self::TooLarge { .. } => false,
        }
    }

    /// One word for metrics and traces.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Target(_) => "target",
            Self::Connect(_) => "connect",
            Self::TimedOut(_) => "timeout",
            Self::Broken(_) => "broken",
            Self::TooLarge { .. } => "too_large",
        }
    }

    pub(crate) fn of(failed: &hyper_util::client::legacy::Error) -> Self {
        // The outermost error says nothing but that a client failed.
        let text = std::error::Error::source(failed).map_or_else(|| failed.to_string(), error::chain);
        if failed.is_connect() { Self::Connect(text) } else { Self::Broken(text) }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(why) => write!(f, "cannot be asked: {why}"),
            Self::Connect(why) => write!(f, "cannot connect: {why}"),
            Self::TimedOut(after) => write!(f, "no whole answer within {after:.1?}"),
            Self::Broken(why) => write!(f, "the connection broke: {why}"),
            Self::TooLarge { bytes_max } => write!(f, "the answer is longer than {bytes_max} bytes"),
        }
    }
}

impl std::error::Error for CallError {}

/// Certificates that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateError(pub(crate) String);

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot use the certificates: {}", self.0)
    }
}

impl std::error::Error for CertificateError {}
