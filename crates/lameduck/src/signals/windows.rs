//! Console events. After close, log-off and shutdown the system ends the process within some seconds, whatever we do.

use super::Received;
use tokio::signal::windows::{self, CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown};

pub(super) struct Signals {
    ctrl_c: CtrlC,
    ctrl_break: CtrlBreak,
    close: CtrlClose,
    logoff: CtrlLogoff,
    shutdown: CtrlShutdown,
}

impl Signals {
    pub(super) fn install() -> std::io::Result<Self> {
        Ok(Self {
            ctrl_c: windows::ctrl_c()?,
            ctrl_break: windows::ctrl_break()?,
            close: windows::ctrl_close()?,
            logoff: windows::ctrl_logoff()?,
            shutdown: windows::ctrl_shutdown()?,
        })
    }

    pub(super) async fn next(&mut self) -> (Received, &'static str) {
        tokio::select! {
            _ = self.ctrl_c.recv() => (Received::Interrupt, "Ctrl-C"),
            _ = self.ctrl_break.recv() => (Received::Interrupt, "Ctrl-Break"),
            _ = self.close.recv() => (Received::Terminate, "console close"),
            _ = self.logoff.recv() => (Received::Terminate, "log-off"),
            _ = self.shutdown.recv() => (Received::Terminate, "system shutdown"),
        }
    }
}
