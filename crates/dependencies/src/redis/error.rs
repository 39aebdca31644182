//! What went wrong with Redis: for handlers, and at the start in a sentence.

use lameduck::DependencyError;
use lameduck_support::error;
use redis::{ErrorKind, ServerErrorKind};
use std::fmt;
use std::time::Duration;

/// A call of Redis that brought nothing.
#[derive(Clone, Debug)]
pub enum RedisError {
    /// Redis is known to be away or too slow: the call was not made, or was given up with all the others. Do without.
    Unavailable(String),
    /// No response within `command_timeout`, or before the deadline of the call.
    TimedOut(Duration),
    /// Redis has answered with an error.
    Refused(redis::RedisError),
}

impl RedisError {
    /// For `error.type` of a span.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::TimedOut(_) => "timeout",
            Self::Refused(_) => "refused",
        }
    }
}

impl fmt::Display for RedisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(why) => write!(f, "redis is not available: {why}"),
            Self::TimedOut(after) => write!(f, "redis did not respond within {after:?}"),
            Self::Refused(error) => write!(f, "redis refused the command: {error}"),
        }
    }
}

impl std::error::Error for RedisError {}

/// Whether the error says that the server, or the connection to it, is of no use: not that one command is wrong.
pub(super) fn is_lost(error: &redis::RedisError) -> bool {
    let kind = error.kind();
    if let ErrorKind::Server(kind) = kind {
        return matches!(
            kind,
            ServerErrorKind::BusyLoading
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                // After a failover the connection still leads to the former primary.
                | ServerErrorKind::ReadOnly
        );
    }
    let connection = matches!(
        kind,
        ErrorKind::Io
            | ErrorKind::Parse
            | ErrorKind::AuthenticationFailed
            | ErrorKind::ClusterConnectionNotFound
            | ErrorKind::MasterNameNotFoundBySentinel
            | ErrorKind::NoValidReplicasFoundBySentinel
    );
    let closed = kind == ErrorKind::Client && (error.to_string().contains("closed") || is_tls(error));
    connection || closed || is_no_auth(error)
}

fn is_no_auth(error: &redis::RedisError) -> bool {
    matches!(error.code(), Some("NOAUTH" | "WRONGPASS"))
}

fn is_tls(error: &redis::RedisError) -> bool {
    let chain = error::chain(error).to_lowercase();
    ["certificate", "tls", "corrupt message", "invalid message", "invalidmessage"]
        .iter()
        .any(|word| chain.contains(word))
}

/// Why an attempt to connect failed, and whether another one can help.
pub(super) fn explain(error: &redis::RedisError, at: &str, tls: bool) -> DependencyError {
    let chain = error::chain(error);
    let lower = chain.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let kind = error.kind();
    let sentence = if kind == ErrorKind::AuthenticationFailed {
        format!("redis {at} refused the user or the password ({chain}): check password_file and the user in the URL")
    } else if is_no_auth(error) {
        format!("redis {at} requires a password ({chain}): set password_file")
    } else if kind == ErrorKind::Server(ServerErrorKind::NoPerm) {
        format!("redis {at} does not permit this user to work ({chain}): check its ACL")
    } else if kind == ErrorKind::Parse {
        format!("{at} answers, but not as a Redis server does ({chain}): check host and port")
    } else if has(&["cluster support disabled"]) {
        format!("redis {at} is not part of a cluster: use redis:// instead of redis-cluster://")
    } else if has(&["does not point to a sentinel"]) || (has(&["unknown command"]) && has(&["sentinel"])) {
        format!("{at} is a Redis server, not a sentinel: use redis://, or the port of the sentinel")
    } else if tls && has(&["certificate"]) {
        format!("the certificate of redis {at} cannot be trusted ({chain}): check the host name and ca_file")
    } else if tls && is_tls(error) {
        format!("redis {at} does not speak TLS ({chain}): use redis:// or the TLS port")
    } else if kind == ErrorKind::MasterNameNotFoundBySentinel {
        return DependencyError::Transient(format!(
            "the sentinels {at} know no primary of this name that is reachable: check the name in the URL"
        ));
    } else if tls && has(&["timed out"]) {
        return DependencyError::Transient(no_response(at, tls));
    } else {
        return DependencyError::Transient(format!("redis {at}: {chain}"));
    };
    DependencyError::Permanent(sentence)
}

/// A server without TLS waits for more where one with TLS responds.
pub(super) fn no_response(at: &str, tls: bool) -> String {
    let hint = if tls { ": check that it speaks TLS on this port" } else { "" };
    format!("redis {at} did not respond in time{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(reply: &[u8]) -> redis::RedisError {
        redis::parse_redis_value(reply).and_then(redis::Value::extract_error).unwrap_err()
    }

    #[test]
    fn an_error_of_one_command_is_not_a_lost_server() {
        for reply in ["-WRONGTYPE not a list\r\n", "-ERR unknown command\r\n", "-NOPERM no\r\n", "-CROSSSLOT no\r\n"] {
            assert!(!is_lost(&server(reply.as_bytes())), "{reply}");
        }
        for reply in ["-LOADING wait\r\n", "-READONLY replica\r\n", "-MASTERDOWN link\r\n", "-NOAUTH needed\r\n"] {
            assert!(is_lost(&server(reply.as_bytes())), "{reply}");
        }
        assert!(is_lost(&std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()));
    }

    #[test]
    fn permanent_errors_are_told_from_transient_ones() {
        let refused = redis::RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
        assert!(matches!(explain(&refused, "a:1", false), DependencyError::Transient(_)));
        assert!(matches!(explain(&server(b"-LOADING wait\r\n"), "a:1", false), DependencyError::Transient(_)));
        for (error, word) in [
            (server(b"-NOAUTH Authentication required.\r\n"), "set password_file"),
            (server(b"-WRONGPASS invalid\r\n"), "password"),
            (redis::parse_redis_value(b"HTTP/1.1 400 Bad Request\r\n").unwrap_err(), "not as a Redis server does"),
            (server(b"-ERR This instance has cluster support disabled\r\n"), "redis://"),
        ] {
            let DependencyError::Permanent(sentence) = explain(&error, "a:1", false) else { panic!("{error}") };
            assert!(sentence.contains(word) && sentence.contains("a:1"), "{sentence}");
        }
    }
}
