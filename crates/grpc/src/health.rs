//! `grpc.health.v1` from the readiness of the process: overall (the empty name) and for each service.
//!
//! A `Watch` is ended when Draining begins, also one of a service that is not there: it has no end by itself, and a
//! client that only listens would hold every exit to its deadline.

use futures_util::stream::{self, BoxStream};
use lameduck::Handle;
use std::collections::BTreeSet;
use std::sync::Arc;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// Answers for these services.
#[derive(Clone, Debug)]
pub(crate) struct Readiness {
    handle: Handle,
    services: Arc<BTreeSet<String>>,
}

impl Readiness {
    pub(crate) fn new(handle: Handle, services: BTreeSet<String>) -> Self {
        Self { handle, services: Arc::new(services) }
    }

    fn knows(&self, service: &str) -> bool {
        service.is_empty() || self.services.contains(service)
    }
}

fn status(ready: bool) -> ServingStatus {
    if ready { ServingStatus::Serving } else { ServingStatus::NotServing }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

/// A `Watch`, from message to message.
struct Watch {
    handle: Handle,
    known: bool,
    /// What the client was sent last; `None`: nothing yet.
    told: Option<bool>,
}

impl Watch {
    /// The next status; `None`: the stream ends.
    async fn next(&mut self) -> Option<ServingStatus> {
        let Some(told) = self.told else {
            let ready = self.known && self.handle.is_ready();
            self.told = Some(ready);
            return Some(if self.known { status(ready) } else { ServingStatus::ServiceUnknown });
        };
        if !self.known {
            self.handle.draining().await;
            return None;
        }
        tokio::select! {
            // The change first: a client learns why its stream ends.
            biased;
            () = self.handle.readiness_changed(told) => {
                self.told = Some(!told);
                Some(status(!told))
            }
            () = self.handle.draining() => None,
        }
    }
}

#[tonic::async_trait]
impl Health for Readiness {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let service = &request.get_ref().service;
        if !self.knows(service) {
            return Err(Status::not_found("there is no such service"));
        }
        Ok(Response::new(response(status(self.handle.is_ready()))))
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let known = self.knows(&request.get_ref().service);
        let watch = Watch { handle: self.handle.clone(), known, told: None };
        let statuses = stream::unfold(watch, |mut watch| async move {
            let status = watch.next().await?;
            Some((Ok(response(status)), watch))
        });
        Ok(Response::new(Box::pin(statuses)))
    }
}
