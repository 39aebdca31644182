//! The services that a listener offers, and what is added to them: health and reflection.

use crate::call::{Call, Given};
use crate::config::{MESSAGE_MAX, REFLECTION};
use crate::descriptors::Descriptors;
use crate::health::Readiness;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, post_service};
use lameduck::anyhow::{self, Context as _};
use lameduck::{App, Start};
use std::convert::Infallible;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic_health::pb::health_server::HealthServer;
use tower::Service;

/// The gRPC services of a process. Health and reflection need not be added.
///
/// A service whose file is [described](Self::describe) has a metric for each of its methods, and can be listed.
#[derive(Default)]
#[must_use = "calls are served by Service::grpc"]
pub struct Calls {
    services: Vec<Added>,
    descriptors: Vec<&'static [u8]>,
}

/// A service, and how its handlers are made once the settings are known.
struct Added {
    name: &'static str,
    route: Box<dyn FnOnce(Given) -> MethodRouter + Send>,
}

impl Calls {
    /// No services yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a service: what tonic generates (`SampleServer::new(…)`), with or without an interceptor. Its own limit of
    /// message sizes (4 MiB unless `max_decoding_message_size` says otherwise) holds beside `grpc.message_max`.
    pub fn service<T>(self, service: T) -> Self
    where
        T: Service<http::Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        T::Response: IntoResponse + 'static,
        T::Future: Send + 'static,
    {
        self.service_as(service, |given| given)
    }

    /// Adds the encoded `FileDescriptorSet` that services were generated from.
    pub fn describe(mut self, encoded: &'static [u8]) -> Self {
        self.descriptors.push(encoded);
        self
    }

    fn service_as<T>(mut self, service: T, adapt: impl FnOnce(Given) -> Given + Send + 'static) -> Self
    where
        T: Service<http::Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        T::Response: IntoResponse + 'static,
        T::Future: Send + 'static,
    {
        let route = |given| post_service::<_, ()>(Call::new(service, adapt(given)));
        self.services.push(Added { name: T::NAME, route: Box::new(route) });
        self
    }

    /// The routes: each method that is known has its own.
    ///
    /// # Errors
    /// A description that cannot be read, or that does not know what it refers to.
    pub(crate) fn into_app<S>(self, start: &Start<S>) -> anyhow::Result<App> {
        let message_max = start.value(MESSAGE_MAX);
        let reflection = start.value(REFLECTION);
        let given = Given { handle: start.handle().clone(), message_max, subscription: false };
        let names = self.services.iter().map(|added| added.name.to_owned()).collect();
        let readiness = Readiness::new(start.handle().clone(), names);
        let mut calls = self.service(HealthServer::new(readiness)).describe(tonic_health::pb::FILE_DESCRIPTOR_SET);
        if reflection {
            calls = calls.with_reflection()?;
        }
        let descriptors = Descriptors::read(&calls.descriptors)?;
        // Calls have no limit of their own, so not `request_limits`.
        let mut app = App::new().json_errors().request_ids();
        for Added { name, route } in calls.services {
            let route: MethodRouter = route(given.clone());
            let methods = descriptors.methods(name);
            for method in methods {
                app = app.route(&format!("/{name}/{method}"), route.clone());
            }
            if methods.is_empty() {
                app = app.route(&format!("/{name}/{{*method}}"), route);
            }
        }
        Ok(app)
    }

    /// Reflection, in the version of today and in the one that older tools ask for.
    fn with_reflection(mut self) -> anyhow::Result<Self> {
        self = self.describe(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET);
        let builder = || {
            let described = self.descriptors.iter();
            let builder = tonic_reflection::server::Builder::configure().include_reflection_service(false);
            described.fold(builder, |builder, encoded| builder.register_encoded_file_descriptor_set(encoded))
        };
        let unfit = "the descriptors of the gRPC services do not fit together";
        let today = builder().build_v1().context(unfit)?;
        let before = builder().build_v1alpha().context(unfit)?;
        // A client may keep a reflection stream for as long as it likes.
        let subscription = |given| Given { subscription: true, ..given };
        Ok(self.service_as(today, subscription).service_as(before, subscription))
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.services.iter().map(|added| added.name)).finish()
    }
}
