//! The closed sets that every room shares: phases, protocols, kinds, outcomes, reasons.

use lameduck_support::closed_set;

closed_set! {
    /// The phases of a life, in the only order in which they come.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    PhaseName {
        /// Stages run; nothing is served.
        Starting = "starting",
        /// Serving.
        Ready = "ready",
        /// Serving, and telling clients to leave.
        LameDuck = "lame_duck",
        /// The listener is closed; what is in flight finishes.
        Draining = "draining",
        /// Queues are worked off, pools and leases given back.
        Releasing = "releasing",
        /// The report and telemetry leave the process.
        Flushing = "flushing",
        /// Nothing is left but to end the process.
        Exited = "exited",
    }
}

closed_set! {
    /// The stages of start-up, in order.
    Stage {
        /// Configuration is read and checked.
        Config = "config",
        /// Dependencies are connected.
        Dependencies = "dependencies",
        /// Routes and workers are built.
        Services = "services",
        /// The listener opens.
        Ready = "ready",
    }
}

closed_set! {
    /// What a connection speaks.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    Protocol {
        /// Too few bytes have come to tell.
        Unknown = "unknown",
        /// HTTP/1.0 or HTTP/1.1.
        Http1 = "http1",
        /// HTTP/2 with prior knowledge.
        Http2 = "http2",
    }
}

closed_set! {
    /// What a request turned out to be.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    Kind {
        /// An ordinary request.
        Request = "request",
        /// A gRPC call.
        Grpc = "grpc",
        /// An upgrade to WebSocket.
        Websocket = "websocket",
        /// A stream of server-sent events: known from the response.
        Sse = "sse",
        /// Any other upgrade, and CONNECT.
        Upgrade = "upgrade",
    }
}

closed_set! {
    /// How a request ended. "The signal" is the start of leaving, however caused.
    Outcome {
        /// Answered before the signal.
        Completed = "completed",
        /// In flight at the signal, answered.
        Drained = "drained",
        /// Arrived after the signal, answered.
        Late = "late",
        /// Refused with a response that says so: shedding, a full queue.
        Rejected = "rejected",
        /// Our time-out, answered with 503.
        TimedOut = "timed_out",
        /// Cut at the deadline.
        Aborted = "aborted",
        /// The peer closed or reset before the end.
        ClientGone = "client_gone",
        /// A panic, also when it was answered with 500.
        Failed = "failed",
    }
}

closed_set! {
    /// Where a connection is in its life.
    ConnectionState {
        /// Accepted; no request yet.
        New = "new",
        /// A request is in flight.
        Active = "active",
        /// Between requests.
        Idle = "idle",
        /// Our side is closed; we linger for the peer.
        Closing = "closing",
    }
}

closed_set! {
    /// Why a connection ended.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    CloseReason {
        /// The peer closed between requests.
        PeerClosed = "peer_closed",
        /// The peer reset, or the transport failed.
        PeerReset = "peer_reset",
        /// Closed behind a response that said so, as asked by the client or the handler.
        Finished = "finished",
        /// Closed behind a response (or GOAWAY) that told the client to leave.
        Notice = "notice",
        /// Closed while idle, by the drain.
        IdleDrained = "idle_drained",
        /// Closed while idle, by the drain, and a request crossed our FIN.
        Raced = "raced",
        /// Bytes came behind a `Connection: close` response (RFC 9112 9.6: not answered).
        Pipelined = "pipelined",
        /// No request for `idle_timeout`.
        IdleTimeout = "idle_timeout",
        /// No byte within `first_byte_timeout`, or the second that a drain gives.
        FirstByteTimeout = "first_byte_timeout",
        /// A header (or HTTP/2 preface) not finished within `header_timeout`.
        HeaderTimeout = "header_timeout",
        /// A TLS handshake not finished within `header_timeout`, or the two seconds that a drain gives.
        HandshakeTimeout = "handshake_timeout",
        /// A TLS handshake that failed: no common version, no client certificate, or no TLS.
        HandshakeFailed = "handshake_failed",
        /// The peer took no byte of a response for `write_stall`.
        WriteStall = "write_stall",
        /// Older than `connection_age`.
        ConnectionAge = "connection_age",
        /// An HTTP/2 peer that did not answer PING.
        KeepAliveTimeout = "keep_alive_timeout",
        /// What came was not HTTP.
        ParseError = "parse_error",
        /// HTTP/2 flood limits or another protocol violation.
        ProtocolError = "protocol_error",
        /// Handed over to an upgraded protocol, which ended.
        Upgraded = "upgraded",
        /// The handler panicked outside what can be answered.
        Panicked = "panicked",
        /// Cut at the deadline, or by `close()`.
        Forced = "forced",
    }
}

closed_set! {
    /// What a phase waits for: the words that programs may rely on.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    WaitingFor {
        /// Starting: the stages.
        StartUp = "start_up",
        /// Starting: a named gate.
        Gate = "gate",
        /// LameDuck: the delay.
        Delay = "delay",
        /// LameDuck: new connections to stop coming.
        Arrivals = "arrivals",
        /// LameDuck: the first answer about the endpoint slices.
        ClusterAnswer = "cluster_answer",
        /// LameDuck: the endpoint slices to let go of this pod.
        Deregistration = "deregistration",
        /// LameDuck: the floor after the deregistration, and new connections to stop coming.
        Floor = "floor",
        /// Draining: requests in flight and open connections.
        Connections = "connections",
        /// Releasing: workers and dependencies.
        Release = "release",
        /// Flushing: report, last Event, traces and logs.
        Flush = "flush",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_is_the_position_in_all() {
        fn check<T: Copy + PartialEq + std::fmt::Debug>(all: &[T], index: impl Fn(T) -> usize) {
            for (position, &member) in all.iter().enumerate() {
                assert_eq!(index(member), position, "{member:?}");
            }
        }
        check(&PhaseName::ALL, PhaseName::index);
        check(&Outcome::ALL, Outcome::index);
        check(&CloseReason::ALL, CloseReason::index);
        check(&Kind::ALL, Kind::index);
        check(&Protocol::ALL, Protocol::index);
    }

    #[test]
    fn spelling_is_the_same_in_json_and_in_labels() {
        for reason in CloseReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }
}
