//! What can become of one request, seen from the client: a closed set, each with its name and its sentence.

use lameduck_support::closed_set;

closed_set! {
    /// How a client behaves; every kind has its own counters and its own latency. The names are those of the command
    /// line and of JSON.
    Kind {
        /// Kept-alive HTTP/1.1, many requests a second.
        Hot = "hot",
        /// Kept-alive HTTP/1.1, some requests a second.
        Warm = "warm",
        /// Kept-alive HTTP/1.1, seconds of silence between requests.
        Cold = "cold",
        /// HTTP/1.1, a new connection for each request.
        Connect = "connect",
        /// HTTP/1.1, answers that take their time.
        Slow = "slow",
        /// HTTP/1.1, answers whose body comes in pieces.
        Stream = "stream",
        /// HTTP/1.1, bodies sent in chunks, slowly.
        Upload = "upload",
        /// HTTP/2 with prior knowledge, or over TLS by ALPN; many streams on one connection.
        H2c = "h2c",
        /// HTTP/1.1, several requests sent before the first answer.
        Pipelined = "pipelined",
        /// gRPC, unary calls on one connection.
        Grpc = "grpc",
        /// gRPC, streams of the server, of the client and of both, on one connection.
        GrpcStream = "grpc_stream",
    }
}

impl Kind {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Whether its latency says what it asked for rather than how the service did.
    pub const fn is_slow_by_design(self) -> bool {
        matches!(self, Self::Slow | Self::Stream | Self::Upload | Self::GrpcStream)
    }
}

closed_set! {
    /// What became of one request. Exactly one for each request that fell due. The names are those of the JSON
    /// document.
    Verdict {
        /// A whole answer with a status below 400, or with the status `OK` of gRPC.
        Answered = "answered",
        /// Nobody listened at the address, or no endpoint was left to choose.
        Refused = "refused",
        /// The connection was not established in time.
        ConnectTimedOut = "connect_timed_out",
        /// TLS was not agreed on: the certificate is not trusted, or the peer does not speak it.
        HandshakeFailed = "handshake_failed",
        /// The peer reset the connection before the answer began.
        Reset = "reset",
        /// The peer closed the connection before the answer began.
        Closed = "closed",
        /// The answer began and did not end.
        Truncated = "truncated",
        /// No whole answer in time.
        TimedOut = "timed_out",
        /// 503 with `Retry-After`, or `UNAVAILABLE` with `grpc-retry-pushback-ms`: the server says so politely, a
        /// client that does not retry has lost all the same.
        Shed = "shed",
        /// Any other status from 400 up.
        WrongStatus = "wrong_status",
        /// Bytes that are no HTTP answer.
        Malformed = "malformed",
        /// An answer that carries the id of another request.
        Misdirected = "misdirected",
        /// More than one answer to one request.
        AnsweredTwice = "answered_twice",
        /// An HTTP/2 stream that the server says it never processed (`REFUSED_STREAM`, or above the last id of a
        /// GOAWAY).
        StreamRefused = "stream_refused",
        /// Behind an answer with `Connection: close` on a pipelined connection: HTTP tells the client to send it again.
        PipelinedUnanswered = "pipelined_unanswered",
        /// The drill itself failed to send it: no address, no file descriptor. Makes the run invalid.
        ClientFault = "client_fault",
        /// A stream of gRPC that the server ended between two messages, with a status that says when to come back.
        EndedInOrder = "ended_in_order",
        /// Still in flight when the drill was told to stop.
        CutOff = "cut_off",
    }
}

impl Verdict {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The words for a person.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "connection refused",
            Self::ConnectTimedOut => "timed out connecting",
            Self::HandshakeFailed => "TLS handshake failed",
            Self::Reset => "reset before the answer",
            Self::Closed => "closed before the answer",
            Self::Truncated => "answer truncated",
            Self::TimedOut => "timed out",
            Self::Shed => "refused with a time to retry",
            Self::WrongStatus => "wrong status",
            Self::Malformed => "not an HTTP answer",
            Self::Misdirected => "another request's answer",
            Self::AnsweredTwice => "answered twice",
            Self::StreamRefused => "HTTP/2 stream refused",
            Self::PipelinedUnanswered => "pipelined behind a close",
            Self::ClientFault => "fault of the drill",
            Self::EndedInOrder => "stream ended in order",
            Self::CutOff => "cut off at the end",
        }
    }

    /// Whether a client that never retries has lost this request. What the protocol tells a client to send again
    /// (pipelined behind a close) and what the drill itself cut or failed to send are told apart and not counted.
    pub const fn is_lost(self) -> bool {
        match self {
            Self::Answered | Self::PipelinedUnanswered | Self::EndedInOrder | Self::ClientFault | Self::CutOff => false,
            Self::Refused
            | Self::ConnectTimedOut
            | Self::HandshakeFailed
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
        matches!(self, Self::Answered | Self::Shed | Self::WrongStatus | Self::AnsweredTwice | Self::EndedInOrder)
    }
}
