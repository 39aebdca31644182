//! The room against an API server that does exactly what each test says, on loopback.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which lint as if they were not")]

mod announcing;
mod api_server;
mod disturbances;
mod endpoints;
mod own_pod;
