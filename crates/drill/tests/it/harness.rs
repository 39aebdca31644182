//! Calls the program, each time on ports of its own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Condvar, Mutex, PoisonError};

use serde_json::Value;
use tempfile::TempDir;

/// A call of the program that has ended.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) json: Option<Value>,
}

impl Outcome {
    pub(crate) fn new(output: &Output, json: Option<Value>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr), json }
    }

    /// The first run of the JSON document.
    pub(crate) fn run(&self) -> &Value {
        &self.json.as_ref().unwrap_or_else(|| panic!("no JSON; it said {}{}", self.stdout, self.stderr))["runs"][0]
    }

    /// How many requests of the first run got this verdict.
    pub(crate) fn verdict(&self, name: &str) -> u64 {
        self.run()["verdicts"][name].as_u64().unwrap_or(0)
    }
}

/// Drills at the same time: each has its own clients and three servers, and none may starve another.
const AT_ONCE: usize = 2;

static TAKEN: Mutex<usize> = Mutex::new(0);
static GIVEN_BACK: Condvar = Condvar::new();

/// The right to run a drill now.
struct Turn;

impl Turn {
    fn take() -> Self {
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = GIVEN_BACK.wait_while(taken, |taken| *taken >= AT_ONCE).unwrap_or_else(PoisonError::into_inner);
        *taken += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        GIVEN_BACK.notify_one();
    }
}

/// A place for files, and ports nobody else uses.
pub(crate) struct Bench {
    _turn: Turn,
    pub(crate) directory: TempDir,
    pub(crate) ports: [u16; 2],
}

impl Bench {
    pub(crate) fn new() -> Self {
        // Held together, so that they differ; let go before the replicas bind them on their own addresses.
        let holders = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let ports = holders.each_ref().map(|holder| holder.local_addr().expect("a bound socket").port());
        Self { _turn: Turn::take(), directory: tempfile::tempdir().expect("a temporary directory"), ports }
    }

    /// The program with `arguments` after `local`, on these ports, with a fixed seed.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lameduck-drill"));
        let [http, admin] = self.ports.map(|port| port.to_string());
        command.args(["local", "--port", &http, "--admin-port", &admin, "--seed", "7"]);
        // How late a busy machine lets the clients run says nothing about what they found.
        if !arguments.contains(&"--lag-max") {
            command.args(["--lag-max", "10m"]);
        }
        command.args(["--sent-min", "0"]);
        command.arg("--json").arg(self.json()).args(arguments);
        command
    }

    pub(crate) fn call(&self, arguments: &[&str]) -> Outcome {
        let output = self.command(arguments).output().expect("the program starts");
        Outcome::new(&output, self.read_json())
    }

    pub(crate) fn read_json(&self) -> Option<Value> {
        serde_json::from_str(&std::fs::read_to_string(self.json()).ok()?).ok()
    }

    /// Whether nothing listens any more where replicas were.
    pub(crate) fn is_quiet(&self) -> bool {
        (1..=12).all(|host| TcpListener::bind((std::net::Ipv4Addr::new(127, 0, 1, host), self.ports[0])).is_ok())
    }

    fn json(&self) -> PathBuf {
        self.directory.path().join("drill.json")
    }
}

/// The server with known defects.
pub(crate) fn defects() -> String {
    example("defects")
}

/// An example of this package. `cargo test` builds them beside the program under test; `cargo test --test it` alone
/// takes those that are there.
pub(crate) fn example(name: &str) -> String {
    let target = Path::new(env!("CARGO_BIN_EXE_lameduck-drill")).parent().expect("a binary is in a directory");
    let server = target.join("examples").join(name);
    assert!(server.exists(), "{} is missing: cargo build -p lameduck-drill --examples", server.display());
    server.display().to_string()
}
