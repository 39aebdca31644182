//! SIGTERM, SIGINT and SIGHUP; SIGUSR1, SIGUSR2 and SIGALRM, which mean nothing here, are only logged: by default they
//! would end the process without a drain. SIGPIPE is ignored by the standard library. SIGQUIT keeps its default: it is
//! how a person asks for a core dump.

use super::Received;
use tokio::signal::unix::{self, SignalKind};

pub(super) struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    /// `None`: the process was started with SIGHUP ignored, as by nohup, and that is to stay so.
    hang_up: Option<unix::Signal>,
    user_1: unix::Signal,
    user_2: unix::Signal,
    alarm: unix::Signal,
}

impl Signals {
    pub(super) fn install() -> std::io::Result<Self> {
        let hang_up = (!is_ignored(libc::SIGHUP)).then(|| unix::signal(SignalKind::hangup()));
        Ok(Self {
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
            hang_up: hang_up.transpose()?,
            user_1: unix::signal(SignalKind::user_defined1())?,
            user_2: unix::signal(SignalKind::user_defined2())?,
            alarm: unix::signal(SignalKind::alarm())?,
        })
    }

    pub(super) async fn next(&mut self) -> (Received, &'static str) {
        let hang_up = async {
            match &mut self.hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => (Received::Terminate, "SIGTERM"),
            _ = self.interrupt.recv() => (Received::Interrupt, "SIGINT"),
            _ = hang_up => (Received::Terminate, "SIGHUP"),
            _ = self.user_1.recv() => (Received::Nothing, "SIGUSR1"),
            _ = self.user_2.recv() => (Received::Nothing, "SIGUSR2"),
            _ = self.alarm.recv() => (Received::Nothing, "SIGALRM"),
        }
    }
}

/// Whether the process was started with this signal ignored.
fn is_ignored(signal: libc::c_int) -> bool {
    // SAFETY: a `sigaction` of zeros is a valid value of that plain C struct.
    let mut current: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null action changes nothing; the other pointer is to a local that outlives the call.
    let asked = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut current) };
    asked == 0 && current.sa_sigaction == libc::SIG_IGN
}
