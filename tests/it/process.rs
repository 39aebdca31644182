//! The real binary as a child process, on loopback ports of its own; killed by its id if a test forgets it.

use crate::client::{self, Answer};
use std::collections::HashSet;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest wait for anything that must happen; generous, because machines are busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `holds` is something.
pub fn eventually<T>(what: &str, mut holds: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = holds() {
            return value;
        }
        assert!(began.elapsed() < PATIENCE, "never happened: {what}");
        #[expect(clippy::disallowed_methods, reason = "between two looks at a condition of another process")]
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Loopback addresses that nobody uses, and that no other test of this run was given.
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

/// A service that runs.
pub struct Service {
    child: Child,
    pub http: SocketAddr,
    pub admin: SocketAddr,
    folder: tempfile::TempDir,
}

/// How a service ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub log: String,
    /// The final /drain document.
    pub report: serde_json::Value,
}

/// The command of the binary.
pub fn command() -> Command {
    command_of(Path::new(env!("CARGO_BIN_EXE_lameduck-service")))
}

/// The command of a binary without a wish of the environment of this test run.
pub fn command_of(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LAMEDUCK_") || name == "KUBERNETES_SERVICE_HOST" {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

impl Service {
    /// Starts the service with these keys (`DRAIN__DELAY`, without prefix), and waits until it is ready.
    pub fn start(keys: &[(&str, &str)]) -> Self {
        Self::start_command(command(), keys)
    }

    /// Starts this command with these keys, and waits until it is ready.
    pub fn start_command(command: Command, keys: &[(&str, &str)]) -> Self {
        let service = Self::spawn(command, keys);
        service.until_ready();
        service
    }

    /// Starts the service and does not wait.
    pub fn start_unready(keys: &[(&str, &str)]) -> Self {
        Self::spawn(command(), keys)
    }

    fn spawn(mut command: Command, keys: &[(&str, &str)]) -> Self {
        let [http, admin] = free_addresses();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log file");
        command
            .env("LAMEDUCK_LISTEN__HTTP", http.to_string())
            .env("LAMEDUCK_LISTEN__ADMIN", admin.to_string())
            .env("LAMEDUCK_DRAIN__STRATEGY", "immediate")
            .env("LAMEDUCK_DRAIN__REPORT_FILE", folder.path().join("report"))
            .envs(keys.iter().map(|(key, value)| (format!("LAMEDUCK_{key}"), value)))
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log);
        let child = command.spawn().expect("the binary starts");
        Self { child, http, admin, folder }
    }

    fn until_ready(&self) {
        eventually("the service is ready", || {
            TcpStream::connect(self.admin).ok()?;
            (client::get(self.admin, "/readyz").status == 200).then_some(())
        });
    }

    /// GET on the work port.
    pub fn get(&self, target: &str) -> Answer {
        client::get(self.http, target)
    }

    /// The /drain document.
    pub fn drain(&self) -> serde_json::Value {
        client::get(self.admin, "/drain").json()
    }

    /// What it has written so far, to both streams.
    pub fn log(&self) -> String {
        let mut text = String::new();
        std::fs::File::open(self.folder.path().join("log"))
            .and_then(|mut file| file.read_to_string(&mut text))
            .expect("the log");
        text
    }

    #[expect(clippy::print_stderr, reason = "a failed test shows what its service said")]
    fn show_log(&self) {
        eprintln!("log of the service:\n{}", self.log());
    }

    /// A path in the folder of this service.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Sends a signal.
    #[cfg(unix)]
    pub fn signal(&self, signal: i32) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        // SAFETY: plain system call; the child is ours and has not been waited for, so the id is its own.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Ended {
        let status = eventually("the process ends", || self.child.try_wait().expect("it can be waited for"));
        let report = std::fs::read(self.path("report")).unwrap_or_default();
        Ended { status, log: self.log(), report: serde_json::from_slice(&report).unwrap_or_default() }
    }

    /// SIGTERM, and waits for its end.
    #[cfg(unix)]
    pub fn stop(self) -> Ended {
        self.signal(libc::SIGTERM);
        self.wait()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
            if std::thread::panicking() {
                self.show_log();
            }
        }
    }
}
