//! Why a question to the API server was not answered.

use lameduck_support::error;

/// What to do about a failed request follows from its kind, so there are only these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// 403: the Role does not allow it. Asking again is useless.
    Forbidden(String),
    /// 410: the version to watch from is no longer known. List again.
    Gone,
    /// Everything else: no connection, no answer in time, an answer that makes no sense, 401, 429, 5xx. Ask again
    /// later.
    Unreachable(String),
}

impl Failure {
    /// Reads a status of the API server.
    pub(crate) fn of_status(code: u16, message: &str) -> Self {
        match code {
            403 => Self::Forbidden(message.to_owned()),
            410 => Self::Gone,
            _ => Self::Unreachable(format!("{code} {message}")),
        }
    }

    pub(crate) fn no_answer(within: std::time::Duration) -> Self {
        Self::Unreachable(format!("nothing within {within:?}"))
    }
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        if let kube::Error::Api(status) = &error {
            return Self::of_status(status.code, &status.message);
        }
        Self::Unreachable(error::chain(&error))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Forbidden(message) => write!(f, "the API server refused: {message}"),
            Self::Gone => f.write_str("the version to watch from is too old"),
            Self::Unreachable(message) => write!(f, "no usable answer from the API server: {message}"),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_follows_from_the_status() {
        let check = |code, expected: Failure| assert_eq!(Failure::of_status(code, "x"), expected, "{code}");
        check(403, Failure::Forbidden("x".to_owned()));
        check(410, Failure::Gone);
        for code in [400, 401, 404, 429, 500, 503, 504] {
            check(code, Failure::Unreachable(format!("{code} x")));
        }
    }
}
