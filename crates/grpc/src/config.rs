//! The keys: `listen.grpc`, and the section `grpc`.

use lameduck::config::{Key, Kind, Section};

pub(crate) const LISTEN: Key = Key::new("listen.grpc", Kind::Address, "[::]:9000", "gRPC without TLS (HTTP/2).");

pub(crate) const SHARED_PORT: &str = "grpc.shared_port";
pub(crate) const MESSAGE_MAX: &str = "grpc.message_max";
pub(crate) const REFLECTION: &str = "grpc.reflection";

pub(crate) const SECTION: Section = Section {
    name: "grpc",
    doc: "gRPC calls.",
    keys: &[
        Key::new(
            SHARED_PORT,
            Kind::Flag,
            "false",
            "Serve gRPC on the port of `listen.http` too. A request belongs to it if its content type is `application/grpc`.",
        )
        .why("For load balancers and ingresses that know one port."),
        Key::new(
            MESSAGE_MAX,
            Kind::Bytes { min: 1 << 10, max: 1 << 30 },
            "4MiB",
            "Maximum size of a message from a client. A larger one ends its call with RESOURCE_EXHAUSTED before it is read.",
        )
        .why("A call as a whole has no limit, because it may be an endless stream; each of its messages is held in memory."),
        Key::new(
            REFLECTION,
            Kind::Flag,
            "true",
            "Answer `grpc.reflection`: clients can list services, methods and messages.",
        )
        .why("Tools such as grpcurl need no .proto files then. It reveals no data, but the whole interface."),
    ],
};
