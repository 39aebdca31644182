//! What went wrong with an object: for handlers, and at the start in a sentence.

use super::place::Place;
use lameduck::DependencyError;
use lameduck_support::error;
use std::fmt;
use std::time::Duration;

/// An object that could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectError {
    /// There is none of this name.
    NotFound,
    /// The name cannot be one: empty parts, `..`.
    InvalidKey(String),
    /// The store is away, or all transfers were in use for too long.
    Unavailable(String),
    /// Nothing more came in this time.
    TimedOut(Duration),
    /// The store refused: the login, the rights, the request.
    Refused(String),
    /// What came is not what was written.
    Corrupt(String),
}

/// An object that was not written: there is nothing of it, and what was there before is still there.
#[derive(Debug)]
pub enum PutError<E> {
    /// The body broke off.
    Body(E),
    /// The body has another length than was announced.
    Length {
        /// The announced one.
        expected: u64,
        /// What came.
        actual: u64,
    },
    /// The body is larger than the caller takes.
    TooLarge {
        /// What it takes.
        bytes_max: u64,
    },
    /// The body has another SHA-256 than was announced.
    Digest,
    /// The store.
    Store(ObjectError),
}

impl ObjectError {
    pub(super) fn of(error: &object_store::Error) -> Self {
        use object_store::Error;
        let chain = error::chain(error);
        let refused = matches!(
            error,
            Error::PermissionDenied { .. }
                | Error::Unauthenticated { .. }
                | Error::Precondition { .. }
                | Error::AlreadyExists { .. }
                | Error::NotImplemented { .. }
                | Error::NotSupported { .. }
        );
        if matches!(error, Error::NotFound { .. }) {
            Self::NotFound
        } else if matches!(error, Error::InvalidPath { .. }) {
            Self::InvalidKey(chain)
        } else if refused {
            Self::Refused(chain)
        } else {
            Self::Unavailable(chain)
        }
    }

    /// For `error.type` of a span.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::InvalidKey(_) => "invalid_key",
            Self::Unavailable(_) => "unavailable",
            Self::TimedOut(_) => "timeout",
            Self::Refused(_) => "refused",
            Self::Corrupt(_) => "corrupt",
        }
    }
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no such object"),
            Self::InvalidKey(why) => write!(f, "the name of the object is invalid: {why}"),
            Self::Unavailable(why) => write!(f, "the object store is not available: {why}"),
            Self::TimedOut(after) => write!(f, "the object store did not respond within {after:?}"),
            Self::Refused(why) => write!(f, "the object store refused: {why}"),
            Self::Corrupt(why) => write!(f, "the object is damaged: {why}"),
        }
    }
}

impl std::error::Error for ObjectError {}

impl<E: fmt::Display> fmt::Display for PutError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(error) => write!(f, "the body broke off: {error}"),
            Self::Length { expected, actual } => write!(f, "the body has {actual} bytes, not {expected}"),
            Self::TooLarge { bytes_max } => write!(f, "the body has more than {bytes_max} bytes"),
            Self::Digest => f.write_str("the body has another SHA-256 than was announced"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for PutError<E> {}

/// What the answer to a request for an object that does not exist says about the store.
pub(super) fn judge(result: Result<(), object_store::Error>, place: &Place) -> Result<(), DependencyError> {
    let Err(error) = result else { return Ok(()) };
    let chain = error::chain(&error);
    let lower = chain.to_lowercase();
    let permanent = |sentence: String| Err(DependencyError::Permanent(sentence));
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&["nosuchbucket"]) {
        return permanent(format!("object store: {place} does not exist: create it, or check the name"));
    }
    if has(&["invalidaccesskeyid", "signaturedoesnotmatch", "authfailure"]) {
        return permanent(format!("{place} refused the login: check access_key and password_file ({chain})"));
    }
    if has(&["certificate", "unknownissuer", "notvalidforname"]) {
        return permanent(format!(
            "the certificate of {place} cannot be trusted: check the host name and ca_file ({chain})"
        ));
    }
    if has(&["invalidcontenttype", "corrupt message"]) {
        return permanent(format!("{place} does not speak TLS: use http:// in endpoint, or the TLS port ({chain})"));
    }
    if matches!(error, object_store::Error::NotFound { .. }) {
        if has(&["nosuchkey", "no such file"]) {
            return Ok(());
        }
        return permanent(format!("{place} answers, but not as an object store does: check endpoint ({chain})"));
    }
    if matches!(error, object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }) {
        return permanent(format!(
            "{place} does not permit this login to read: it needs s3:GetObject and s3:ListBucket ({chain})"
        ));
    }
    Err(DependencyError::Transient(format!("{place}: {chain}")))
}
