//! The servers of gRPC: tonic with its own transport, and the engine. Both answer health checks.

use std::net::SocketAddr;

use anyhow::Context;
use lameduck::Service;
use lameduck::config::Sources;
use lameduck_grpc::{Calls, ServeGrpc as _};
use tokio::sync::watch;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::child::{say, until};

/// Always healthy.
struct Healthy;

#[tonic::async_trait]
impl Health for Healthy {
    type WatchStream = futures_util::stream::Pending<Result<HealthCheckResponse, Status>>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() }))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("not measured"))
    }
}

/// tonic as it comes.
pub(crate) async fn tonic(address: SocketAddr, leaving: watch::Receiver<bool>) -> anyhow::Result<()> {
    let incoming = TcpIncoming::bind(address).map_err(anyhow::Error::msg)?.with_nodelay(Some(true));
    say(&format!("listening {address}"))?;
    let server = tonic::transport::Server::builder().add_service(HealthServer::new(Healthy));
    server.serve_with_incoming_shutdown(incoming, until(leaving)).await.context("serve")
}

/// The whole engine around tonic's services.
pub(crate) async fn engine(address: SocketAddr, leaving: watch::Receiver<bool>) -> anyhow::Result<()> {
    let service = Service::new("bench").grpc(|_| async { Ok(Calls::new()) });
    let environment = [
        ("LAMEDUCK_LISTEN__GRPC", address.to_string()),
        ("LAMEDUCK_LISTEN__HTTP", "127.0.0.1:0".to_owned()),
        ("LAMEDUCK_LISTEN__ADMIN", "127.0.0.1:0".to_owned()),
        ("LAMEDUCK_DRAIN__STRATEGY", "immediate".to_owned()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let loaded = service.load(&Sources { environment, ..Sources::default() })?;
    let engine = lameduck::start(service, loaded)?;
    say(&format!("listening {address}"))?;
    until(leaving).await;
    engine.shutdown();
    engine.ended().await;
    Ok(())
}
