//! The work runtime: connections, handlers, workers.

use super::StartError;
use anyhow::Context;
use tokio::runtime::{self, Runtime};

/// Left behind when it is dropped, never joined: a handler that blocks its thread for ever must not keep the process.
pub(super) struct WorkThreads {
    handle: runtime::Handle,
    runtime: Option<Runtime>,
}

impl WorkThreads {
    /// Starts its threads, each of which calls `enter` first: code on them knows the handle, files and traces. If the
    /// system has none to give, the current runtime stands in for them: the failed start is then reported as any other.
    pub(super) fn new(enter: impl Fn() + Send + Sync + 'static) -> (Self, Result<(), StartError>) {
        let runtime = runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("lameduck-work")
            .on_thread_start(enter)
            .build()
            .context("cannot start the work threads");
        match runtime {
            Ok(runtime) => (Self { handle: runtime.handle().clone(), runtime: Some(runtime) }, Ok(())),
            Err(error) => (Self { handle: runtime::Handle::current(), runtime: None }, Err(error.into())),
        }
    }

    pub(super) fn handle(&self) -> &runtime::Handle {
        &self.handle
    }
}

impl Drop for WorkThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
