//! The binary of a service as a child process, on free loopback ports.

use crate::client::{self, Response};
use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest wait for anything that must happen; generous, because machines are busy.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Waits until `holds` returns something.
///
/// # Panics
/// After a minute; the message names `what`.
#[track_caller]
pub fn eventually<T>(what: &str, mut holds: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = holds() {
            return value;
        }
        assert!(began.elapsed() < TIMEOUT, "did not happen within {TIMEOUT:?}: {what}");
        #[expect(clippy::disallowed_methods, reason = "between two looks at a condition of another process")]
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Free loopback addresses that no other test of this process was given.
///
/// # Panics
/// If the machine has no free port.
pub fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_default();
    // All are held until all are found, so that they differ.
    let mut held = Vec::new();
    while held.len() < N {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        if given.insert(listener.local_addr().expect("it is bound").port()) {
            held.push(listener);
        }
    }
    std::array::from_fn(|index| held[index].local_addr().expect("it is bound"))
}

/// A running service.
#[derive(Debug)]
pub struct Service {
    child: Child,
    /// The work port.
    pub http: SocketAddr,
    /// The admin port: probes, metrics, /drain.
    pub admin: SocketAddr,
    folder: tempfile::TempDir,
}

/// How a service ended.
#[derive(Debug)]
pub struct Ended {
    /// The status of the process.
    pub status: ExitStatus,
    /// All it wrote, to both streams.
    pub log: String,
    /// The report; null if it left none.
    pub report: serde_json::Value,
}

impl Ended {
    /// Asserts the exit code; the message shows the log.
    ///
    /// # Panics
    /// If the code differs.
    #[track_caller]
    pub fn assert_code(&self, code: i32) {
        assert_eq!(self.status.code(), Some(code), "report: {:#}\nlog:\n{}", self.report, self.log);
    }
}

impl Service {
    /// Starts a binary with these configuration keys (`drain.delay`), and waits until it is ready. The defaults leave
    /// at once: `drain.strategy` is `immediate` unless a key says otherwise. Variables of this process that begin with
    /// `LAMEDUCK_` are not passed on.
    ///
    /// # Panics
    /// If the process ends or is not ready within a minute; the message has its exit code and log.
    #[track_caller]
    pub fn start(binary: &Path, keys: &[(&str, &str)]) -> Self {
        Self::start_command(Command::new(binary), keys)
    }

    /// As [`start`](Self::start), with a command that has arguments or an environment of its own.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[track_caller]
    pub fn start_command(command: Command, keys: &[(&str, &str)]) -> Self {
        let mut service = Self::spawn(command, keys);
        service.wait_ready();
        service
    }

    /// Starts a command and does not wait.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn spawn(mut command: Command, keys: &[(&str, &str)]) -> Self {
        let [http, admin] = free_addresses();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log file");
        for (name, _) in std::env::vars_os() {
            let shown = name.to_string_lossy();
            if ["LAMEDUCK_", "OTEL_"].iter().any(|prefix| shown.starts_with(prefix))
                || name == "KUBERNETES_SERVICE_HOST"
            {
                command.env_remove(name);
            }
        }
        command
            .env("LAMEDUCK_LISTEN__HTTP", http.to_string())
            .env("LAMEDUCK_LISTEN__ADMIN", admin.to_string())
            .env("LAMEDUCK_DRAIN__STRATEGY", "immediate")
            .env("LAMEDUCK_DRAIN__REPORT_FILE", folder.path().join("report"))
            .envs(keys.iter().map(|(key, value)| (variable(key), value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        Self { child, http, admin, folder }
    }

    /// Waits until /readyz answers 200.
    ///
    /// # Panics
    /// If the process ends first, or after a minute; the message has its exit code and log.
    #[track_caller]
    pub fn wait_ready(&mut self) {
        let (admin, began) = (self.admin, Instant::now());
        eventually("the service is ready", || {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                panic!("the service ended before it was ready, {status}, after {:?}:\n{}", began.elapsed(), self.log());
            }
            TcpStream::connect(admin).ok()?;
            (client::get(admin, "/readyz").status == 200).then_some(())
        });
    }

    /// GET on the work port.
    ///
    /// # Panics
    /// If there is no response.
    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        client::get(self.http, target)
    }

    /// The /drain document.
    ///
    /// # Panics
    /// If there is no response.
    #[track_caller]
    pub fn drain(&self) -> serde_json::Value {
        client::get(self.admin, "/drain").json()
    }

    /// What it has written so far, to both streams.
    ///
    /// # Panics
    /// If the log file cannot be read.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path("log")).expect("the log")).into_owned()
    }

    /// A path in the temporary folder of this service.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The process id.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process id")
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If the kernel refuses it.
    pub fn signal(&self, signal: i32) {
        // SAFETY: plain system call; the child is ours and has not been waited for, so the id is its own.
        assert_eq!(unsafe { libc::kill(self.pid(), signal) }, 0);
    }

    /// Waits for its end. Does not ask for it.
    ///
    /// # Panics
    /// If it does not end within a minute.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        let status = eventually("the process ends", || self.child.try_wait().expect("it can be waited for"));
        let report = std::fs::read(self.path("report")).unwrap_or_default();
        Ended { status, log: self.log(), report: serde_json::from_slice(&report).unwrap_or_default() }
    }

    /// SIGTERM, and waits for its end.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn stop(self) -> Ended {
        self.signal(libc::SIGTERM);
        self.wait()
    }

    #[expect(clippy::print_stderr, reason = "a failed test shows the log of its service")]
    fn show_log(&self, end: &str) {
        eprintln!("the service {end}; its log:\n{}", self.log());
    }
}

/// `drain.delay` as an environment variable. What is spelled as one already (`DRAIN__DELAY`) stays.
fn variable(key: &str) -> String {
    format!("LAMEDUCK_{}", key.replace('.', "__").to_uppercase())
}

impl Drop for Service {
    fn drop(&mut self) {
        match self.child.try_wait() {
            Ok(None) => {
                let _ = self.child.kill();
                let _ = self.child.wait();
                if std::thread::panicking() {
                    self.show_log("was still running");
                }
            }
            Ok(Some(status)) if std::thread::panicking() => self.show_log(&format!("had ended ({status})")),
            Ok(Some(_)) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ends_is_noticed_at_once_with_its_code_and_log() {
        let start = || {
            let mut command = Command::new("sh");
            command.args(["-c", "echo no such key; exit 7"]);
            Service::start_command(command, &[])
        };
        let panic = std::panic::catch_unwind(start).expect_err("it is not ready");
        let message = panic.downcast_ref::<String>().expect("a message");
        assert!(message.contains("exit status: 7") && message.contains("no such key"), "{message}");
    }

    #[test]
    fn keys_become_variables() {
        assert_eq!(variable("drain.delay"), "LAMEDUCK_DRAIN__DELAY");
        assert_eq!(variable("DRAIN__DELAY"), "LAMEDUCK_DRAIN__DELAY");
    }
}
