//! How a request ended, from what the answer said.

use std::io;

use h2::Reason;

use crate::verdict::Verdict;

/// What the answer said, as far as the drill cares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The server ends this connection after the answer.
    pub(crate) close: bool,
    pub(crate) retry_after: bool,
    /// The answer carries a request id, and it is another one's.
    pub(crate) foreign_id: bool,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    pub(crate) status: u16,
    /// Whether the connection may carry another request.
    pub(crate) keep: bool,
}

impl Outcome {
    pub(crate) fn lost(verdict: Verdict) -> Self {
        Self { verdict, status: 0, keep: false }
    }

    /// An answer that came whole, with so many bytes behind it.
    pub(crate) fn whole(answer: Answer, left: usize) -> Self {
        let verdict = match answer.status {
            _ if answer.foreign_id => Verdict::Misdirected,
            _ if left > 0 => Verdict::AnsweredTwice,
            503 if answer.retry_after => Verdict::Shed,
            400.. => Verdict::WrongStatus,
            _ => Verdict::Answered,
        };
        let sound = matches!(verdict, Verdict::Answered | Verdict::Shed | Verdict::WrongStatus);
        Self { verdict, status: answer.status, keep: sound && !answer.close }
    }
}

/// What an HTTP/2 error means for the one request it ended.
pub(crate) fn loss(error: &h2::Error, begun: bool) -> Verdict {
    let unprocessed = error.reason() == Some(Reason::REFUSED_STREAM)
        || (error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR));
    if begun {
        return Verdict::Truncated;
    }
    if unprocessed {
        return Verdict::StreamRefused;
    }
    match error.get_io().map(io::Error::kind) {
        Some(io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof) => Verdict::Closed,
        Some(_) => Verdict::Reset,
        None if error.is_remote() => Verdict::Reset,
        None => Verdict::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_judged_by_status_identity_and_what_follows() {
        let answer = |status| Answer { status, ..Answer::default() };
        let verdict = |answer, left| Outcome::whole(answer, left).verdict;
        assert_eq!(verdict(answer(200), 0), Verdict::Answered);
        assert_eq!(verdict(answer(302), 0), Verdict::Answered);
        assert_eq!(verdict(answer(404), 0), Verdict::WrongStatus);
        assert_eq!(verdict(answer(503), 0), Verdict::WrongStatus);
        assert_eq!(verdict(Answer { retry_after: true, ..answer(503) }, 0), Verdict::Shed);
        assert_eq!(verdict(answer(200), 1), Verdict::AnsweredTwice);
        assert_eq!(verdict(Answer { foreign_id: true, ..answer(200) }, 0), Verdict::Misdirected);
        assert!(!Outcome::whole(Answer { close: true, ..answer(200) }, 0).keep);
        assert!(Outcome::whole(answer(503), 0).keep);
    }

    #[test]
    fn errors_are_told_apart() {
        let remote = h2::Error::from(Reason::REFUSED_STREAM);
        assert_eq!(loss(&remote, false), Verdict::StreamRefused);
        assert_eq!(loss(&remote, true), Verdict::Truncated);
        assert_eq!(loss(&h2::Error::from(Reason::PROTOCOL_ERROR), false), Verdict::Malformed);
    }
}
