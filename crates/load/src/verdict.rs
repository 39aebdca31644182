//! What can become of one request, seen from the client: a closed set, each with its name and its sentence.

use serde::{Deserialize, Serialize};

/// How a client behaves; every kind has its own counters and its own latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Kept-alive HTTP/1.1, many requests a second.
    Hot,
    /// Kept-alive HTTP/1.1, some requests a second.
    Warm,
    /// Kept-alive HTTP/1.1, seconds of silence between requests.
    Cold,
    /// HTTP/1.1, a new connection for each request.
    Connect,
    /// HTTP/1.1, answers that take their time.
    Slow,
    /// HTTP/1.1, answers whose body comes in pieces.
    Stream,
    /// HTTP/1.1, bodies sent in chunks, slowly.
    Upload,
    /// HTTP/2 in the clear, many streams on one connection.
    H2c,
    /// HTTP/1.1, several requests sent before the first answer.
    Pipelined,
}

impl Kind {
    /// Every kind, in the order of declaration.
    pub const ALL: [Self; 9] = [
        Self::Hot,
        Self::Warm,
        Self::Cold,
        Self::Connect,
        Self::Slow,
        Self::Stream,
        Self::Upload,
        Self::H2c,
        Self::Pipelined,
    ];
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The name on the command line and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Warm => "warm",
            Self::Cold => "cold",
            Self::Connect => "connect",
            Self::Slow => "slow",
            Self::Stream => "stream",
            Self::Upload => "upload",
            Self::H2c => "h2c",
            Self::Pipelined => "pipelined",
        }
    }

    /// Whether its latency says what it asked for rather than how the service did.
    pub const fn is_slow_by_design(self) -> bool {
        matches!(self, Self::Slow | Self::Stream | Self::Upload)
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its position in `ALL`.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What became of one request. Exactly one for each request that fell due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A whole answer with a status below 400.
    Answered,
    /// Nobody listened at the address, or no endpoint was left to choose.
    Refused,
    /// The connection was not established in time.
    ConnectTimedOut,
    /// The peer reset the connection before the answer began.
    Reset,
    /// The peer closed the connection before the answer began.
    Closed,
    /// The answer began and did not end.
    Truncated,
    /// No whole answer in time.
    TimedOut,
    /// 503 with `Retry-After`: the server says so politely, a client that does not retry has lost all the same.
    Shed,
    /// Any other status from 400 up.
    WrongStatus,
    /// Bytes that are no HTTP answer.
    Malformed,
    /// An answer that carries the id of another request.
    Misdirected,
    /// More than one answer to one request.
    AnsweredTwice,
    /// An HTTP/2 stream that the server says it never processed (`REFUSED_STREAM`, or above the last id of a GOAWAY).
    StreamRefused,
    /// Behind an answer with `Connection: close` on a pipelined connection: HTTP tells the client to send it again.
    PipelinedUnanswered,
    /// The drill itself failed to send it: no address, no file descriptor. Makes the run invalid.
    ClientFault,
    /// Still in flight when the drill was told to stop.
    CutOff,
}

impl Verdict {
    /// Every verdict, in the order of declaration.
    pub const ALL: [Self; 16] = [
        Self::Answered,
        Self::Refused,
        Self::ConnectTimedOut,
        Self::Reset,
        Self::Closed,
        Self::Truncated,
        Self::TimedOut,
        Self::Shed,
        Self::WrongStatus,
        Self::Malformed,
        Self::Misdirected,
        Self::AnsweredTwice,
        Self::StreamRefused,
        Self::PipelinedUnanswered,
        Self::ClientFault,
        Self::CutOff,
    ];
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Its position in `ALL`.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name in the JSON document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::ConnectTimedOut => "connect_timed_out",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Truncated => "truncated",
            Self::TimedOut => "timed_out",
            Self::Shed => "shed",
            Self::WrongStatus => "wrong_status",
            Self::Malformed => "malformed",
            Self::Misdirected => "misdirected",
            Self::AnsweredTwice => "answered_twice",
            Self::StreamRefused => "stream_refused",
            Self::PipelinedUnanswered => "pipelined_unanswered",
            Self::ClientFault => "client_fault",
            Self::CutOff => "cut_off",
        }
    }

    /// The words for a person.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "connection refused",
            Self::ConnectTimedOut => "timed out connecting",
            Self::Reset => "reset before the answer",
            Self::Closed => "closed before the answer",
            Self::Truncated => "answer truncated",
            Self::TimedOut => "timed out",
            Self::Shed => "503 with Retry-After",
            Self::WrongStatus => "wrong status",
            Self::Malformed => "not an HTTP answer",
            Self::Misdirected => "another request's answer",
            Self::AnsweredTwice => "answered twice",
            Self::StreamRefused => "HTTP/2 stream refused",
            Self::PipelinedUnanswered => "pipelined behind a close",
            Self::ClientFault => "fault of the drill",
            Self::CutOff => "cut off at the end",
        }
    }

    /// Whether a client that never retries has lost this request. What the protocol tells a client to send again
    /// (pipelined behind a close) and what the drill itself cut or failed to send are told apart and not counted.
    pub const fn is_lost(self) -> bool {
        match self {
            Self::Answered | Self::PipelinedUnanswered | Self::ClientFault | Self::CutOff => false,
            Self::Refused
            | Self::ConnectTimedOut
            | Self::Reset
            | Self::Closed
            | Self::Truncated
            | Self::TimedOut
            | Self::Shed
            | Self::WrongStatus
            | Self::Malformed
            | Self::Misdirected
            | Self::AnsweredTwice
            | Self::StreamRefused => true,
        }
    }

    /// Whether a whole answer to this request came in, of whatever status: what a server's ledger calls answered.
    pub const fn is_whole_answer(self) -> bool {
        matches!(self, Self::Answered | Self::Shed | Self::WrongStatus | Self::AnsweredTwice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_and_names_are_one_to_one() {
        for (index, verdict) in Verdict::ALL.into_iter().enumerate() {
            assert_eq!(verdict.index(), index);
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.name());
        }
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), index);
            assert_eq!(Kind::parse(kind.name()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
