//! Signals of the operating system, by what they mean.
//!
//! Installed before anything else happens: process 1 of a container has no default action for SIGTERM, so a signal that
//! comes during start-up would be lost without a handler.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as os;
#[cfg(windows)]
use windows as os;

use crate::events::Events;
use lameduck_lifecycle::{Event, Signal};

/// What a signal means.
#[derive(Clone, Copy, Debug)]
enum Received {
    Terminate,
    Interrupt,
    #[cfg(unix)]
    Nothing,
}

/// The installed handlers.
pub(crate) struct Signals(os::Signals);

impl Signals {
    /// Installs the handlers. Needs a tokio runtime with IO enabled.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn install() -> std::io::Result<Self> {
        Ok(Self(os::Signals::install()?))
    }

    /// Sends the driver every signal, to the end of the process.
    pub(crate) async fn forward(mut self, events: Events) {
        loop {
            let (received, name) = self.0.next().await;
            let (meaning, signal) = match received {
                Received::Terminate => ("terminate", Signal::Terminate),
                Received::Interrupt => ("interrupt", Signal::Interrupt),
                #[cfg(unix)]
                Received::Nothing => {
                    tracing::info!(signal = name, meaning = "nothing", "received {name}, which means nothing here");
                    continue;
                }
            };
            tracing::info!(signal = name, meaning, "received {name}");
            events.send(Event::Signal(signal)).await;
        }
    }
}
