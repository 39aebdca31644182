//! Which protocols a listener speaks.

use lameduck_lifecycle::Protocol;

/// The protocols that a listener speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocols {
    /// HTTP/1 and HTTP/2, by what the client begins with.
    #[default]
    All,
    /// HTTP/1 alone.
    Http1,
    /// HTTP/2 alone: what a gRPC port speaks.
    Http2,
}

impl Protocols {
    /// Whether a client may speak `protocol` here.
    pub(crate) fn has(self, protocol: Protocol) -> bool {
        match (self, protocol) {
            (Self::All, _) | (_, Protocol::Unknown) => true,
            (Self::Http1, Protocol::Http1) | (Self::Http2, Protocol::Http2) => true,
            (Self::Http1, Protocol::Http2) | (Self::Http2, Protocol::Http1) => false,
        }
    }
}
