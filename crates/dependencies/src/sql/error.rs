//! Why a query or transaction failed, in the words that a handler decides by.

use lameduck::Rejected;
use lameduck::axum::http::header::RETRY_AFTER;
use lameduck::axum::http::{HeaderValue, StatusCode};
use lameduck::axum::response::{IntoResponse, Response};
use sqlx::error::{DatabaseError, ErrorKind};

/// Seconds after which a client may retry.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// A query or transaction failed. As a response: 503 with `Retry-After` where trying again may help, else 409 or 500;
/// what the database said is logged, never sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SqlError {
    /// Every connection is in use.
    Busy,
    /// The time of the request, or of the process, is over.
    Timeout,
    /// The database is not reachable, or the connection was lost. Nothing was committed.
    Unavailable(String),
    /// Another transaction came first: the same transaction again may succeed.
    Retry(String),
    /// A constraint refused it: a duplicate, a missing reference.
    Conflict(String),
    /// The connection was lost while the transaction was committed: it may have been, or not.
    CommitUnknown(String),
    /// The query is wrong, or what it returned is not what was expected: a defect.
    Wrong(String),
}

impl SqlError {
    /// Whether the same again may succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Busy | Self::Timeout | Self::Unavailable(_) | Self::Retry(_) | Self::CommitUnknown(_) => true,
            Self::Conflict(_) | Self::Wrong(_) => false,
        }
    }

    /// A word for metrics and spans.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::Unavailable(_) => "unavailable",
            Self::Retry(_) => "retry",
            Self::Conflict(_) => "conflict",
            Self::CommitUnknown(_) => "commit_unknown",
            Self::Wrong(_) => "wrong",
        }
    }

    /// Whether the connection cannot be used any more.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::CommitUnknown(_))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what sqlx may add is a defect of ours until it is known")]
    pub(super) fn of(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => Self::of_database(&*error),
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error.to_string()),
            other => Self::Wrong(other.to_string()),
        }
    }

    fn of_database(error: &dyn DatabaseError) -> Self {
        let text = error.to_string();
        let constraints = matches!(
            error.kind(),
            ErrorKind::UniqueViolation
                | ErrorKind::ForeignKeyViolation
                | ErrorKind::NotNullViolation
                | ErrorKind::CheckViolation
                | ErrorKind::ExclusionViolation
        );
        if constraints {
            return Self::Conflict(text);
        }
        let code = error.code().unwrap_or_default();
        if let Ok(code) = code.parse::<u32>()
            && code < 10_000
        {
            // SQLite: the low byte is the class. 5: locked by another process; 6: by another connection.
            return if matches!(code & 0xff, 5 | 6) { Self::Retry(text) } else { Self::Wrong(text) };
        }
        match &*code {
            // Serialization failure, deadlock, lock not available.
            "40001" | "40P01" | "55P03" => Self::Retry(text),
            // Cancelled by statement_timeout; ended by a time-out of the transaction.
            "57014" | "25P03" | "25P04" => Self::Timeout,
            "26000" | "42P05" => Self::Wrong(format!(
                "{text}: a pooler in transaction mode loses prepared statements; take statement-cache-capacity out of the URL"
            )),
            code if ["08", "28", "53", "57P"].iter().any(|class| code.starts_with(class)) => Self::Unavailable(text),
            _ => Self::Wrong(text),
        }
    }
}

impl std::fmt::Display for SqlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Busy => f.write_str("every connection to the database is in use"),
            Self::Timeout => f.write_str("the time for the database is over"),
            Self::Unavailable(why) => write!(f, "the database is not available: {why}"),
            Self::Retry(why) => write!(f, "another transaction came first: {why}"),
            Self::Conflict(why) => write!(f, "a constraint refused it: {why}"),
            Self::CommitUnknown(why) => write!(f, "the connection was lost while committing: {why}"),
            Self::Wrong(why) => write!(f, "the query failed: {why}"),
        }
    }
}

impl std::error::Error for SqlError {}

impl IntoResponse for SqlError {
    fn into_response(self) -> Response {
        let (status, sentence) = match &self {
            Self::Conflict(_) => (StatusCode::CONFLICT, "it contradicts what is stored already"),
            Self::Wrong(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
            Self::Busy | Self::Timeout | Self::Unavailable(_) | Self::Retry(_) | Self::CommitUnknown(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be reached in time, try again later")
            }
        };
        if status.is_server_error() {
            tracing::warn!(error = %self, kind = self.kind(), "{self}");
        }
        let mut response = (status, sentence).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        if matches!(self, Self::Busy) {
            response.extensions_mut().insert(Rejected);
        }
        response
    }
}
