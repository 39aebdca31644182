//! The limits of a client.

use std::time::Duration;

/// The limits of a client. Every one of them holds; `Duration::MAX` is for who bounds the whole call itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long a call may take, from the first attempt to the last byte, if nothing gives it less.
    pub timeout: Duration,
    /// How long one attempt to connect may take. Less than a call has, so that a second address can still be tried.
    pub connect_timeout: Duration,
    /// Idle connections that are kept for each host; 0: a connection ends with its response.
    pub idle_per_host: usize,
    /// How long a connection is kept idle: shorter than what servers and load balancers keep it, so that we close it.
    pub idle_timeout: Duration,
    /// Calls at the same time; more wait, and their time runs.
    pub calls_max: usize,
    /// Bytes of a response body.
    pub response_bytes_max: usize,
    /// Attempts after the first one, for a call that was never sent.
    pub retries_max: u32,
    /// Whom https trusts.
    pub roots: Roots,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(1),
            idle_per_host: 32,
            idle_timeout: Duration::from_secs(30),
            calls_max: 256,
            response_bytes_max: 1 << 20,
            retries_max: 2,
            roots: Roots::System,
        }
    }
}

/// Whom https trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Roots {
    /// Nobody: the client speaks http alone, and reads no certificates.
    None,
    /// The certificates of the system, or of `SSL_CERT_FILE`; none of them is no error. Without the feature `tls` as
    /// [`None`](Self::None).
    #[default]
    System,
    /// These certificates, in PEM form. Without the feature `tls` as [`None`](Self::None).
    Pem(Vec<u8>),
}
