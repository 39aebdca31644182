//! `Service::grpc`: the calls of a service on their listener, and on the HTTP port if that is to be shared.

use crate::calls::Calls;
use crate::config::{LISTEN, SECTION, SHARED_PORT};
use futures_util::future::BoxFuture;
use lameduck::config::Settings;
use lameduck::{App, Protocols, Service, Start, anyhow};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Serves gRPC: `Service::new("orders").grpc(…)`.
pub trait ServeGrpc<S>: Sized {
    /// Serves these calls at `listen.grpc`, and with `grpc.shared_port` also at `listen.http`. Comes after
    /// [`Service::settings`]. `build` is called once, as that of [`Service::routes`].
    ///
    /// # Panics
    /// If it is called twice.
    #[must_use]
    fn grpc<F, Fut>(self, build: F) -> Self
    where
        F: FnOnce(Start<S>) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<Calls>> + Send + 'static;
}

impl<S: Settings> ServeGrpc<S> for Service<S> {
    fn grpc<F, Fut>(self, build: F) -> Self
    where
        F: FnOnce(Start<S>) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<Calls>> + Send + 'static,
    {
        let built = Arc::new(Built::new(build));
        let shared = Arc::clone(&built);
        self.section(SECTION)
            .extend_routes(|start, app| async move {
                if start.value::<bool>(SHARED_PORT) { Ok(app.calls(shared.app(start).await?)) } else { Ok(app) }
            })
            .listener_for(Protocols::Http2, &LISTEN, |start| async move { built.app(start).await })
    }
}

type Build<S> = Box<dyn FnOnce(Start<S>) -> BoxFuture<'static, anyhow::Result<Calls>> + Send>;

/// The calls of a service, built when the first listener needs them: all have the same.
struct Built<S> {
    build: Mutex<Option<Build<S>>>,
    app: OnceCell<App>,
}

impl<S> Built<S> {
    fn new<F, Fut>(build: F) -> Self
    where
        F: FnOnce(Start<S>) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<Calls>> + Send + 'static,
    {
        Self { build: Mutex::new(Some(Box::new(move |start| Box::pin(build(start))))), app: OnceCell::new() }
    }

    async fn app(&self, start: Start<S>) -> anyhow::Result<App> {
        let build = async {
            let build = self.build.lock().unwrap_or_else(PoisonError::into_inner).take();
            // A build that has failed ends the start; there is no second one.
            let build = build.ok_or_else(|| anyhow::anyhow!("the calls could not be built"))?;
            build(start.clone()).await?.into_app(&start)
        };
        self.app.get_or_try_init(|| build).await.cloned()
    }
}
