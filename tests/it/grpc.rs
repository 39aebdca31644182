//! gRPC in the real process: its calls, its errors, what the outside sees of them, and how they end.

mod calls;
mod frames;
mod leaving;
mod seen;

use lameduck_testing::{Service, free_addresses};
use std::net::SocketAddr;
use tonic::transport::{Channel, Endpoint};

/// Clients for what `proto/` says.
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::pedantic, reason = "generated")]
mod generated {
    pub mod sample {
        include!("grpc/generated/lameduck.sample.v1.rs");
    }
    pub mod bench {
        include!("grpc/generated/lameduck.bench.v1.rs");
    }
}

use generated::bench::bench_client::BenchClient;
use generated::sample::sample_client::SampleClient;

/// A service with the bench, and where it takes calls.
#[track_caller]
fn start(keys: &[(&str, &str)]) -> (Service, SocketAddr) {
    let [address] = free_addresses();
    let listen = address.to_string();
    let mut all = vec![("listen.grpc", listen.as_str()), ("bench.enabled", "true")];
    all.extend_from_slice(keys);
    (crate::process::start(&all), address)
}

async fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.expect("it listens")
}

async fn sample(address: SocketAddr) -> SampleClient<Channel> {
    SampleClient::new(channel(address).await)
}

async fn bench(address: SocketAddr) -> BenchClient<Channel> {
    BenchClient::new(channel(address).await)
}

/// Calls a method that no file describes.
async fn call_unknown(address: SocketAddr, path: &'static str) -> tonic::Status {
    let mut client = tonic::client::Grpc::new(channel(address).await);
    client.ready().await.expect("a connection");
    let codec = tonic_prost::ProstCodec::<generated::sample::PingRequest, generated::sample::PingResponse>::default();
    let path = http::uri::PathAndQuery::from_static(path);
    client
        .unary(tonic::Request::new(generated::sample::PingRequest {}), path, codec)
        .await
        .expect_err("it is not there")
}
