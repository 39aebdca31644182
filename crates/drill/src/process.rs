//! One process: started in a group of its own, signalled by its own id, and gone when the drill is.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};

#[cfg(target_os = "linux")]
mod namespace;

/// Most bytes of a command's last words that are shown.
const LAST_WORDS_BYTES: u64 = 2_000;

/// The signals a drill sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Term,
    Int,
    Kill,
    Stop,
    Continue,
}

/// A command that was started.
#[derive(Debug)]
pub(crate) struct Started {
    /// Waited for; as process 1 it is the parent of the command, which ends as the command ends.
    pub(crate) child: Child,
    /// The command itself: who gets the signals.
    pub(crate) pid: u32,
}

/// Whether a command is process 1, as in a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AsInit {
    /// If the system allows it (Linux).
    #[default]
    Auto,
    /// It must be, or the drill does not start.
    Always,
    /// It is an ordinary process.
    Never,
}

/// Starts a command in a process group of its own, so that Ctrl-C at the terminal is the drill's to handle; on Linux
/// the kernel kills it should the drill be killed.
///
/// # Errors
/// What the operating system says, such as a program that does not exist.
pub(crate) fn spawn(command: &[String], env: &[(String, String)], output: &File) -> io::Result<Started> {
    let child = prepared(command, env, output)?.spawn()?;
    let pid = child.id().unwrap_or_default();
    Ok(Started { child, pid })
}

/// Starts a command as process 1 of a PID namespace.
///
/// # Errors
/// The system does not allow it, or the same as for [`spawn`].
#[cfg(target_os = "linux")]
pub(crate) fn spawn_as_init(command: &[String], env: &[(String, String)], output: &File) -> io::Result<Started> {
    let mut process = prepared(command, env, output)?;
    let init = namespace::prepare(&mut process)?;
    let child = process.spawn()?;
    let pid = init.read()?;
    Ok(Started { child, pid })
}

/// There are no such namespaces here.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub(crate) fn spawn_as_init(_: &[String], _: &[(String, String)], _: &File) -> io::Result<Started> {
    Err(io::ErrorKind::Unsupported.into())
}

fn prepared(command: &[String], env: &[(String, String)], output: &File) -> io::Result<Command> {
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut process = Command::new(program);
    process.args(arguments).envs(env.iter().map(|(key, value)| (key, value)));
    process.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output.try_clone()?).kill_on_drop(true);
    own_group(&mut process);
    Ok(process)
}

#[cfg(unix)]
fn own_group(process: &mut Command) {
    process.process_group(0);
    #[cfg(target_os = "linux")]
    // SAFETY: `prctl` is async-signal-safe and touches nothing but the child's own settings.
    unsafe {
        process.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
}

#[cfg(not(unix))]
fn own_group(_: &mut Command) {}

/// Sends a signal to one process that has not been waited for. One that has just ended is no error.
#[cfg(unix)]
pub(crate) fn send(pid: u32, signal: Signal) {
    let signal = match signal {
        Signal::Term => libc::SIGTERM,
        Signal::Int => libc::SIGINT,
        Signal::Kill => libc::SIGKILL,
        Signal::Stop => libc::SIGSTOP,
        Signal::Continue => libc::SIGCONT,
    };
    if let Ok(pid) = libc::pid_t::try_from(pid) {
        // SAFETY: plain call; `pid` is a child of ours, above 0, so no group and no other process is meant.
        unsafe { libc::kill(pid, signal) };
    }
}

/// Kills what a wrapper such as a shell has started in the group of a child that has just ended.
#[cfg(unix)]
pub(crate) fn kill_group(pid: u32) {
    if let Ok(pid) = libc::pid_t::try_from(pid)
        && pid > 1
    {
        // SAFETY: plain call; the group was made by `spawn` for this child alone.
        unsafe { libc::kill(-pid, libc::SIGKILL) };
    }
}

/// The group of a child: what is left of it is killed when this is dropped.
pub(crate) struct Group(Option<u32>);

impl Group {
    pub(crate) fn of(child: &Child) -> Self {
        Self(child.id())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            kill_group(pid);
        }
    }
}

/// There are no such signals here; `local` refuses to start.
#[cfg(not(unix))]
pub(crate) fn send(_: u32, _: Signal) {}

#[cfg(not(unix))]
pub(crate) fn kill_group(_: u32) {}

/// The end of what a command printed into this file, as a continuation of a sentence.
pub(crate) fn last_words(log: &Path) -> String {
    let tail = || -> io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LAST_WORDS_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(LAST_WORDS_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    match tail() {
        Ok(words) if !words.is_empty() => format!("; it said:\n{words}"),
        Ok(_) | Err(_) => " (no output)".to_owned(),
    }
}
