//! `limits`: what a client, and all of them, may use; and `bench.closings`, which disables shutdown steps.

use lameduck_config::{Check, Key, Kind, Section, Values};
use lameduck_server::{Closings, Limits};

/// More than a process has file descriptors.
const COUNT: Kind = Kind::Count { min: 1, max: 10_000_000 };

pub(super) const LIMITS: Section = Section {
    name: "limits",
    doc: "Resource limits per client and per process.",
    keys: &[
        Key::new(
            "limits.connections",
            COUNT,
            "20000",
            "Maximum number of open connections. Connections beyond it wait in the accept backlog.",
        )
        .why("Stay below the limit of file descriptors. An idle connection needs a few KiB."),
        Key::new(
            "limits.requests_in_flight",
            COUNT,
            "4096",
            "Maximum number of concurrent requests. Further ones get 503 with `Retry-After`.",
        )
        .why("An overloaded service that refuses early recovers; one that queues does not."),
        Key::new(
            "limits.header_timeout",
            Kind::TIMEOUT,
            "10s",
            "Time limit from the first byte of a request head to its last.",
        ),
        Key::new(
            "limits.first_byte_timeout",
            Kind::TIMEOUT,
            "10s",
            "Time limit from the start of a connection to its first byte.",
        ),
        Key::new(
            "limits.idle_timeout",
            Kind::TIMEOUT,
            "75s",
            "How long a connection may be idle between requests, jittered by up to 10 % per connection.",
        )
        .why("Longer than the 60 s of common load balancers, so that the load balancer closes first."),
        Key::new(
            "limits.request_timeout",
            Kind::TIMEOUT,
            "30s",
            "Time limit from the request to the head of its response. Not for upgrades. A route may have another limit. For apps with \
             `request_limits()`.",
        ),
        Key::new(
            "limits.body_bytes",
            Kind::Bytes { min: 0, max: 64 << 30 },
            "1MiB",
            "Maximum size of a request body. A larger one gets 413. A route may have another limit. For apps with \
             `request_limits()`.",
        ),
        Key::new(
            "limits.write_stall",
            Kind::DURATION,
            "30s",
            "How long a client may take no byte of a response. Then its connection (HTTP/2: the stream) ends, and the request as `client_gone`. `0s`: no bound.",
        )
        .why("A client that stops reading would hold a request, and its memory, as long as it likes."),
        Key::new(
            "limits.connection_age",
            Kind::DURATION,
            "0s",
            "The age at which a connection is announced to end (`Connection: close`, GOAWAY), up to 10 % more or less. `0s`: any age.",
        )
        .why("Clients that keep their connections never find the pods that were added later."),
        Key::new(
            "limits.connection_age_grace",
            Kind::TIMEOUT,
            "30s",
            "How long a connection may live on after that; a request that has not ended by then is cut, and counts as `aborted`.",
        ),
    ],
};

pub(super) const BENCH: Section = Section {
    name: "bench",
    doc: "For tests and benchmarks only; never enable in production.",
    keys: &[
        Key::new(
            "bench.closings.notice",
            Kind::Flag,
            "true",
            "Notify clients of the shutdown: `Connection: close`, GOAWAY.",
        )
        .why("Each shutdown step can be disabled, so that a test can show what is lost without it."),
        Key::new("bench.closings.hold", Kind::Flag, "true", "Keep idle connections open for a last request."),
        Key::new(
            "bench.closings.look",
            Kind::Flag,
            "true",
            "Check the socket for unread bytes before a connection is closed.",
        ),
        Key::new("bench.closings.linger", Kind::Flag, "true", "Half-close, then wait for the peer to close."),
        Key::new(
            "bench.closings.flush",
            Kind::Flag,
            "true",
            "Serve the connections in the accept backlog before the listener closes.",
        ),
    ],
};

pub(super) fn read(values: &Values) -> Limits {
    Limits {
        connections: values.get("limits.connections"),
        requests_in_flight: values.get("limits.requests_in_flight"),
        header_timeout: values.get("limits.header_timeout"),
        first_byte_timeout: values.get("limits.first_byte_timeout"),
        idle_timeout: values.get("limits.idle_timeout"),
        request_timeout: values.get("limits.request_timeout"),
        body_bytes: values.get("limits.body_bytes"),
        write_stall: values.get("limits.write_stall"),
        connection_age: values.get("limits.connection_age"),
        connection_age_grace: values.get("limits.connection_age_grace"),
    }
}

pub(super) fn read_closings(values: &Values) -> Closings {
    Closings {
        notice: values.get("bench.closings.notice"),
        hold: values.get("bench.closings.hold"),
        look: values.get("bench.closings.look"),
        linger: values.get("bench.closings.linger"),
        flush: values.get("bench.closings.flush"),
    }
}

pub(super) fn check(closings: &Closings, check: &mut Check<'_>) {
    let all = [
        ("bench.closings.notice", closings.notice),
        ("bench.closings.hold", closings.hold),
        ("bench.closings.look", closings.look),
        ("bench.closings.linger", closings.linger),
        ("bench.closings.flush", closings.flush),
    ];
    for (key, on) in all {
        if !on {
            check.warn(&[key], "this shutdown step is disabled: requests may be lost");
        }
    }
}
