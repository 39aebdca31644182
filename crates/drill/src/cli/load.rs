//! The options of the load, which a drill on this machine and one in a cluster share.

use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use lameduck_load::{Group, Kind, LoadPlan, RequestShape};

use super::Preset;
use crate::plan::Limits;
use crate::values::{self, default_rate};

/// Fewest requests from which a run says anything.
const REQUESTS_MIN: u64 = 50;
/// Least share of the offered requests that must have been sent. Clients that wait behind a stalled service send less
/// than was offered, and that is the service's fault; half is out of reach for it.
const SENT_SHARE_MIN: f64 = 0.5;

/// The default mix, for kinds that every server can answer and for those that need routes of their own.
const SIMPLE: [(Kind, u32); 4] = [(Kind::Hot, 40), (Kind::Warm, 60), (Kind::Cold, 60), (Kind::Connect, 20)];
const H2C: (Kind, u32) = (Kind::H2c, 4);
const GRPC: (Kind, u32) = (Kind::Grpc, 4);
const GRPC_STREAM: (Kind, u32) = (Kind::GrpcStream, 4);
/// What every gRPC service worth restarting has.
const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";
const BENCH: [(Kind, u32); 3] = [(Kind::Slow, 8), (Kind::Stream, 8), (Kind::Upload, 4)];
/// Most bytes of a body: in a cluster it travels in an environment variable.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The clients and their requests.
#[derive(Debug, Args)]
pub(crate) struct LoadOptions {
    /// Clients by kind, each with its rate; overrides the default mix for the kinds named; count 0 switches one off.
    /// Kinds: hot, warm, cold, connect, slow, stream, upload, h2c, pipelined, grpc, grpc_stream.
    #[arg(long, value_name = "KIND=COUNT@RATE/s,…", value_delimiter = ',', value_parser = values::clients, help_heading = "The load")]
    pub(crate) clients: Vec<Group>,
    /// Only the kinds named in --clients, without the default mix.
    #[arg(long, help_heading = "The load")]
    pub(crate) only: bool,
    /// Path of simple requests. [default: by preset, /ping or /]
    #[arg(long, help_heading = "The load")]
    pub(crate) path: Option<String>,
    /// Method of simple requests. [default: GET, or POST with --body]
    #[arg(long, help_heading = "The load")]
    pub(crate) method: Option<String>,
    /// Body of simple requests, or @FILE.
    #[arg(long, value_name = "TEXT|@FILE", help_heading = "The load")]
    pub(crate) body: Option<String>,
    /// A header of all requests, such as 'Authorization: Bearer KEY' or 'Host: shop.example'; may be given several
    /// times.
    #[arg(long, value_name = "NAME: VALUE", value_parser = values::header, help_heading = "The load")]
    pub(crate) header: Vec<(String, String)>,
    /// The service has the bench routes of the sample (/bench/slow, /bench/stream, /bench/upload): adds clients for
    /// them. A local drill finds out by itself.
    #[arg(long, help_heading = "The load")]
    pub(crate) bench_routes: bool,
    /// Path with a slow response, for `slow`.
    #[arg(long, value_name = "PATH", help_heading = "The load")]
    pub(crate) slow_path: Option<String>,
    /// Path with a response in pieces, for `stream`.
    #[arg(long, value_name = "PATH", help_heading = "The load")]
    pub(crate) stream_path: Option<String>,
    /// Path that takes a POST with a body, for `upload`.
    #[arg(long, value_name = "PATH", help_heading = "The load")]
    pub(crate) upload_path: Option<String>,
    /// Path of unary gRPC calls with an empty message, for `grpc`.
    #[arg(long, default_value = HEALTH_CHECK, value_name = "PATH", help_heading = "The load")]
    pub(crate) grpc_path: String,
    /// From the first byte of a request to the last byte of its response.
    #[arg(long, default_value = "10s", value_parser = values::duration, help_heading = "The load")]
    pub(crate) timeout: Duration,
    /// For a connection to be established.
    #[arg(long, default_value = "1s", value_parser = values::duration, help_heading = "The load")]
    pub(crate) connect_timeout: Duration,
    /// Between a client's last look at its connection and its write.
    #[arg(long, default_value = "0s", value_parser = values::duration, help_heading = "The load")]
    pub(crate) look_to_write: Duration,
    /// Threads of the load.
    #[arg(long, default_value_t = 1, value_name = "N", help_heading = "The load")]
    pub(crate) threads: usize,
    /// Seed of all arrivals and choices. [default: a new one, printed]
    #[arg(long, help_heading = "The load")]
    pub(crate) seed: Option<u64>,
    /// Load before the first pod or replica is restarted.
    #[arg(long, default_value = "3s", value_parser = values::duration, help_heading = "The load")]
    pub(crate) warm_up: Duration,
    /// Load after the last one has exited.
    #[arg(long, default_value = "2s", value_parser = values::duration, help_heading = "The load")]
    pub(crate) cool_down: Duration,
    /// Invalid if the load threads ran later than this at the 99th percentile.
    #[arg(long, default_value = "100ms", value_parser = values::duration, help_heading = "The load")]
    pub(crate) lag_max: Duration,
    /// Invalid if less than this share of the offered requests was sent. A service that stalls makes its clients wait,
    /// and send less.
    #[arg(long, default_value_t = SENT_SHARE_MIN, value_name = "SHARE", help_heading = "The load")]
    pub(crate) sent_min: f64,
}

/// What the service has beside simple requests.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Routes {
    /// The bench of the sample.
    pub(crate) bench: bool,
    /// gRPC on the port that the clients know.
    pub(crate) grpc: bool,
}

impl LoadOptions {
    /// The path of simple requests.
    pub(crate) fn path(&self, preset: Preset) -> String {
        let default = if preset == Preset::Lameduck { "/ping" } else { "/" };
        self.path.clone().unwrap_or_else(|| default.to_owned())
    }

    /// Checks the options of the load.
    ///
    /// # Errors
    /// One sentence with the option, what is wrong, and what would be right.
    pub(crate) fn plan(&self, preset: Preset, routes: Routes) -> anyhow::Result<LoadPlan> {
        let bench_routes = routes.bench;
        ensure!((1..=64).contains(&self.threads), "--threads {}: expected 1 to 64", self.threads);
        ensure!((0.0..=1.0).contains(&self.sent_min), "--sent-min {}: expected 0 to 1", self.sent_min);
        ensure!(!self.timeout.is_zero(), "--timeout 0s: expected more than 0s");
        let or = |given: &Option<String>, bench: &str| match given {
            Some(path) => path.clone(),
            None if bench_routes => bench.to_owned(),
            None => String::new(),
        };
        let shape = RequestShape {
            path: self.path(preset),
            slow_path: or(&self.slow_path, "/bench/slow?ms=400"),
            stream_path: or(&self.stream_path, "/bench/stream?chunks=10&interval_ms=50&bytes=512"),
            upload_path: or(&self.upload_path, "/bench/upload"),
            grpc_path: self.grpc_path.clone(),
            upload_chunks: 10,
            upload_chunk_bytes: 1024,
            upload_interval: Duration::from_millis(50),
            pipeline_depth: 3,
            host: self.header.iter().find(|(name, _)| name == "host").map(|(_, value)| value.clone()),
            method: self.method()?,
            headers: self.header.iter().filter(|(name, _)| name != "host").cloned().collect(),
            body: self.read_body()?,
        };
        for path in [&shape.path, &shape.slow_path, &shape.stream_path, &shape.upload_path, &shape.grpc_path] {
            ensure!(
                path.is_empty() || (path.starts_with('/') && path.chars().all(|letter| letter.is_ascii_graphic())),
                "path {path:?}: expected it to begin with / and to have no spaces"
            );
        }
        let groups = self.groups(preset, routes, &shape)?;
        let seed = self.seed.unwrap_or_else(fresh_seed);
        Ok(LoadPlan {
            groups,
            shape,
            tls: None,
            timeout: self.timeout,
            connect_timeout: self.connect_timeout,
            look_to_write: self.look_to_write,
            threads: self.threads,
            seed,
        })
    }

    /// Whether simple requests are plain GETs.
    pub(crate) fn is_get(&self) -> bool {
        self.body.is_none() && self.method.as_deref().is_none_or(|method| method.eq_ignore_ascii_case("get"))
    }

    fn method(&self) -> anyhow::Result<String> {
        let default = if self.body.is_some() { "POST" } else { "GET" };
        let method = self.method.as_deref().unwrap_or(default).to_ascii_uppercase();
        ensure!(
            ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(&method.as_str()),
            "--method {method}: expected GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS"
        );
        Ok(method)
    }

    fn read_body(&self) -> anyhow::Result<String> {
        let Some(body) = &self.body else { return Ok(String::new()) };
        let Some(file) = body.strip_prefix('@') else { return Ok(body.clone()) };
        let text = std::fs::read_to_string(file).with_context(|| format!("--body {body}: cannot be read"))?;
        ensure!(text.len() <= BODY_BYTES_MAX, "--body {body}: more than {BODY_BYTES_MAX} bytes");
        Ok(text)
    }

    fn groups(&self, preset: Preset, routes: Routes, shape: &RequestShape) -> anyhow::Result<Vec<Group>> {
        let mut groups: Vec<Group> = Vec::new();
        if !self.only {
            let h2c: &[_] = if preset == Preset::Lameduck { &[H2C] } else { &[] };
            let bench: &[_] = if routes.bench { &BENCH } else { &[] };
            let grpc: &[_] = match routes {
                Routes { grpc: true, bench: true } => &[GRPC, GRPC_STREAM],
                Routes { grpc: true, bench: false } => &[GRPC],
                Routes { grpc: false, .. } => &[],
            };
            groups.extend(SIMPLE.iter().chain(h2c).chain(bench).chain(grpc).map(|&(kind, clients)| Group {
                kind,
                clients,
                rate: default_rate(kind),
            }));
        }
        for given in &self.clients {
            match groups.iter_mut().find(|group| group.kind == given.kind) {
                Some(group) => *group = *given,
                None => groups.push(*given),
            }
        }
        groups.retain(|group| group.clients > 0);
        ensure!(!groups.is_empty(), "--clients: no clients are left; name at least one kind with a count above 0");
        for group in &groups {
            let (path, option) = match group.kind {
                Kind::Slow => (&shape.slow_path, "--slow-path"),
                Kind::Stream => (&shape.stream_path, "--stream-path"),
                Kind::Upload => (&shape.upload_path, "--upload-path"),
                Kind::Grpc => (&shape.grpc_path, "--grpc-path"),
                // Its calls are those of the bench.
                Kind::GrpcStream => (&shape.upload_path, "--bench-routes"),
                Kind::Hot | Kind::Warm | Kind::Cold | Kind::Connect | Kind::H2c | Kind::Pipelined => {
                    (&shape.path, "--path")
                }
            };
            ensure!(
                !path.is_empty(),
                "--clients {}: needs {option}, or --bench-routes if the service has those of the sample",
                group.kind.as_str()
            );
        }
        Ok(groups)
    }

    /// What makes a run invalid.
    pub(crate) fn limits(&self) -> Limits {
        Limits { lag_max: self.lag_max, sent_share_min: self.sent_min, requests_min: REQUESTS_MIN }
    }
}

fn fresh_seed() -> u64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    // Short enough to be typed again.
    (since_epoch.as_nanos() as u64 ^ u64::from(std::process::id()) << 20) & 0xFFFF_FFFF
}
