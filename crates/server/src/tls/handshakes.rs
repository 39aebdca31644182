//! What became of handshakes, counted.

use lameduck_support::closed_set;
use rustls::server::ServerConnection;
use rustls::{HandshakeKind, ProtocolVersion};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

closed_set! {
    /// Why a handshake failed.
    HandshakeFailure {
        /// What came is not TLS: plain HTTP on the port, for example.
        NotTls = "not_tls",
        /// Client and server have no version, cipher suite or application protocol (ALPN) in common.
        NothingInCommon = "nothing_in_common",
        /// The client has no certificate, or one that the client CA does not vouch for at this time.
        ClientCertificate = "client_certificate",
        /// The client refused by an alert: it does not trust the certificate of the server, or it has expired.
        RefusedByClient = "refused_by_client",
        /// The client closed or reset the connection in the middle.
        Disconnected = "disconnected",
        /// It took longer than its bound.
        Timeout = "timeout",
        /// Anything else.
        Other = "other",
    }
}

closed_set! {
    /// A version of TLS.
    TlsVersion {
        /// TLS 1.2.
        Tls12 = "1.2",
        /// TLS 1.3.
        Tls13 = "1.3",
    }
}

/// Handshakes so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handshakes {
    /// By version, then: full, resumed.
    completed: [[u64; 2]; TlsVersion::ALL.len()],
    failed: [u64; HandshakeFailure::ALL.len()],
}

impl Handshakes {
    /// Those that succeeded; `resumed`: by a session of before.
    pub fn completed(&self, version: TlsVersion, resumed: bool) -> u64 {
        self.completed[version.index()][usize::from(resumed)]
    }

    pub(crate) fn with_timed_out(mut self, count: u64) -> Self {
        self.failed[HandshakeFailure::Timeout.index()] = count;
        self
    }

    /// Those that failed.
    pub fn failed(&self, failure: HandshakeFailure) -> u64 {
        self.failed[failure.index()]
    }
}

/// Counts while handshakes end.
#[derive(Debug, Default)]
pub(crate) struct HandshakeCells {
    completed: [[AtomicU64; 2]; TlsVersion::ALL.len()],
    failed: [AtomicU64; HandshakeFailure::ALL.len()],
}

impl HandshakeCells {
    pub(crate) fn completed(&self, session: &ServerConnection) {
        let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
        self.completed[TlsVersion::of(session).index()][usize::from(resumed)].fetch_add(1, Relaxed);
    }

    pub(crate) fn failed(&self, failure: HandshakeFailure) {
        self.failed[failure.index()].fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self) -> Handshakes {
        let load = |cell: &AtomicU64| cell.load(Relaxed);
        Handshakes {
            completed: self.completed.each_ref().map(|kinds| kinds.each_ref().map(load)),
            failed: self.failed.each_ref().map(load),
        }
    }
}

impl TlsVersion {
    /// What was agreed on in a handshake that has ended well.
    pub(crate) fn of(session: &ServerConnection) -> Self {
        if session.protocol_version() == Some(ProtocolVersion::TLSv1_2) { Self::Tls12 } else { Self::Tls13 }
    }
}

impl HandshakeFailure {
    /// What `error` of a transport was.
    pub(crate) fn of(error: &io::Error) -> Self {
        use rustls::Error;
        if error.kind() != io::ErrorKind::InvalidData {
            return Self::Disconnected;
        }
        match error.get_ref().and_then(|error| error.downcast_ref::<Error>()) {
            Some(Error::InvalidMessage(_) | Error::InappropriateMessage { .. }) => Self::NotTls,
            Some(Error::PeerIncompatible(_) | Error::NoApplicationProtocol) => Self::NothingInCommon,
            Some(Error::NoCertificatesPresented | Error::InvalidCertificate(_)) => Self::ClientCertificate,
            Some(Error::AlertReceived(_)) => Self::RefusedByClient,
            _ => Self::Other,
        }
    }
}
