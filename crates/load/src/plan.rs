//! What a load consists of: clients by kind, the shape of their requests, limits.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::tls::Trust;
use crate::verdict::Kind;

/// Some clients of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// How they behave.
    pub kind: Kind,
    /// How many there are.
    pub clients: u32,
    /// Requests a second that fall due for each client, on average.
    pub rate: f64,
}

/// What the requests look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestShape {
    /// Path of simple requests.
    pub path: String,
    /// Path that answers slowly.
    pub slow_path: String,
    /// Path that answers in pieces.
    pub stream_path: String,
    /// Path that takes a body.
    pub upload_path: String,
    /// Path of unary calls.
    pub grpc_path: String,
    /// Chunks of an uploaded body.
    pub upload_chunks: u32,
    /// Bytes of a chunk.
    pub upload_chunk_bytes: u32,
    /// Between two chunks.
    pub upload_interval: Duration,
    /// Requests sent at once on a pipelined connection.
    pub pipeline_depth: u32,
    /// What `Host` says; `None`: the address.
    pub host: Option<String>,
    /// Method of simple requests.
    pub method: String,
    /// Headers of all requests, beside those that the clients write themselves; names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body of simple requests.
    pub body: String,
}

/// The whole load of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadPlan {
    /// The clients.
    pub groups: Vec<Group>,
    /// Their requests.
    pub shape: RequestShape,
    /// By TLS, trusting these certificates; `None`: in the clear.
    pub tls: Option<Trust>,
    /// From the first byte sent to the last byte of the answer.
    pub timeout: Duration,
    /// For a connection to be established.
    pub connect_timeout: Duration,
    /// Between a client's last look at its connection and its write: the part of the race that is the client's.
    pub look_to_write: Duration,
    /// Over all machines; each thread has its share of the clients.
    pub threads: usize,
    /// Of all arrivals and choices.
    pub seed: u64,
}

impl RequestShape {
    /// The path that clients of a kind ask for.
    pub fn path_of(&self, kind: Kind) -> &str {
        match kind {
            Kind::Slow => &self.slow_path,
            Kind::Stream => &self.stream_path,
            Kind::Upload => &self.upload_path,
            Kind::Grpc | Kind::GrpcStream => &self.grpc_path,
            Kind::Hot | Kind::Warm | Kind::Cold | Kind::Connect | Kind::H2c | Kind::Pipelined => &self.path,
        }
    }

    /// Method and body of a request of a kind whose body is not sent in chunks.
    pub(crate) fn method_of(&self, kind: Kind) -> (&str, &str) {
        match kind {
            Kind::Slow | Kind::Stream => ("GET", ""),
            Kind::Upload | Kind::Grpc | Kind::GrpcStream => ("POST", ""),
            Kind::Hot | Kind::Warm | Kind::Cold | Kind::Connect | Kind::H2c | Kind::Pipelined => {
                (&self.method, &self.body)
            }
        }
    }
}

impl LoadPlan {
    /// Requests a second that fall due, over all clients.
    pub fn offered(&self) -> f64 {
        self.groups.iter().map(|group| f64::from(group.clients) * group.rate).sum()
    }

    /// The part of every request id that tells this run's requests from others'.
    pub fn series(&self) -> u32 {
        (self.seed ^ (self.seed >> 32)) as u32
    }

    /// Most connections open at once, those of HTTP/2 counted without the old ones that still finish.
    pub fn connections(&self) -> u64 {
        self.groups.iter().map(|group| u64::from(group.clients)).sum()
    }
}

/// The id of a request as it stands on the wire.
pub fn request_id(series: u32, number: u64) -> String {
    format!("drill-{series:08x}-{number:016x}")
}
