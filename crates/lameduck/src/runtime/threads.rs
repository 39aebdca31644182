//! The work runtime: connections, handlers, workers.

use super::StartError;
use crate::handle::Handle;
use anyhow::Context;
use tokio::runtime::{self, Runtime};

/// Left behind when it is dropped, never joined: a handler that blocks its thread for ever must not keep the process.
pub(super) struct WorkThreads {
    handle: runtime::Handle,
    runtime: Option<Runtime>,
}

impl WorkThreads {
    /// Starts its threads, which all know the handle. If the system has none to give, the current runtime stands in for
    /// them: the failed start is then reported as any other.
    pub(super) fn new(handle: &Handle) -> (Self, Result<(), StartError>) {
        let known = handle.clone();
        let runtime = runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("lameduck-work")
            .on_thread_start(move || known.enter())
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
