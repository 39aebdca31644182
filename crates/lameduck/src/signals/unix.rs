//! SIGTERM and SIGINT. SIGQUIT keeps its default: it is how a person asks for a core dump.

use lameduck_lifecycle::Signal;
use tokio::signal::unix::{self, SignalKind};

pub(super) struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
}

impl Signals {
    pub(super) fn install() -> std::io::Result<Self> {
        Ok(Self {
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn next(&mut self) -> (Signal, &'static str) {
        tokio::select! {
            _ = self.terminate.recv() => (Signal::Terminate, "SIGTERM"),
            _ = self.interrupt.recv() => (Signal::Interrupt, "SIGINT"),
        }
    }
}
