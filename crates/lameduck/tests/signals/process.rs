//! A child process that tells by its log where it is in its life.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

/// The example `full`, on free ports, ended when dropped.
pub(crate) struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// Every line so far.
    pub(crate) log: Vec<Value>,
    pub(crate) http: SocketAddr,
    pub(crate) admin: SocketAddr,
    folder: tempfile::TempDir,
}

/// How it ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) report: Value,
    pub(crate) log: Vec<Value>,
}

impl Process {
    /// Starts it and waits until the admin port answers.
    pub(crate) fn start(settings: &[&str]) -> Self {
        let mut process = Self::spawn(settings);
        let starting = process.wait_for(|line| line["http"].is_string());
        process.http = starting["http"].as_str().unwrap().parse().unwrap();
        process.admin = starting["admin"].as_str().unwrap().parse().unwrap();
        process
    }

    /// Starts it. `settings`: `drain.delay=1s` and the like.
    pub(crate) fn spawn(settings: &[&str]) -> Self {
        Self::spawn_with(settings, |_| {})
    }

    /// As [`spawn`](Self::spawn), with something else done to the command.
    pub(crate) fn spawn_with(settings: &[&str], prepare: impl FnOnce(&mut Command)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let report = format!("drain.report_file={}", folder.path().join("report.json").display());
        let mut command = command();
        let addresses = ["listen.http=127.0.0.1:0", "listen.admin=127.0.0.1:0"];
        for setting in addresses.into_iter().chain([report.as_str()]).chain(settings.iter().copied()) {
            let (path, value) = setting.split_once('=').unwrap();
            command.env(format!("LAMEDUCK_{}", path.replace('.', "__").to_uppercase()), value);
        }
        prepare(&mut command);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { child, lines, log: Vec::new(), http: nowhere, admin: nowhere, folder }
    }

    /// As [`start`](Self::start), and waits until it serves.
    pub(crate) fn ready(settings: &[&str]) -> Self {
        let mut process = Self::start(settings);
        process.wait_for_phase("ready");
        process
    }

    /// Reads the log up to a line that `wanted` takes.
    pub(crate) fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.next_line().unwrap_or_else(|| panic!("the log ended; it was {:#?}", self.log));
            if wanted(&line) {
                return line;
            }
        }
    }

    /// Reads the log up to the beginning of a phase.
    pub(crate) fn wait_for_phase(&mut self, phase: &str) {
        self.wait_for(|line| line["phase"] == phase);
    }

    /// Waits for the end without reading what it writes.
    pub(crate) fn code_unread(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    pub(crate) fn terminate(&self) {
        self.signal(libc::SIGTERM);
    }

    pub(crate) fn interrupt(&self) {
        self.signal(libc::SIGINT);
    }

    /// Waits for the end. Does not ask for it.
    pub(crate) fn ended(mut self) -> Ended {
        while self.next_line().is_some() {}
        let code = self.child.wait().unwrap().code();
        let report = std::fs::read_to_string(self.folder.path().join("report.json")).unwrap_or_default();
        let report = serde_json::from_str(&report).unwrap_or(Value::Null);
        Ended { code, report, log: std::mem::take(&mut self.log) }
    }

    pub(crate) fn signal(&self, signal: libc::c_int) {
        let pid = libc::pid_t::try_from(self.child.id()).unwrap();
        // SAFETY: sends a signal to a child that has not been waited for, so the number is still its own.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    fn next_line(&mut self) -> Option<Value> {
        let mut line = String::new();
        if self.lines.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        let line: Value = serde_json::from_str(&line).unwrap_or(Value::String(line));
        self.log.push(line.clone());
        Some(line)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Asserts the code and the outcome of the report.
    #[track_caller]
    pub(crate) fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "log: {:#?}", self.log);
        assert_eq!(self.report["exit_code"], code, "report: {:#}", self.report);
        assert_eq!(self.report["ledger_error"], Value::Null);
    }

    pub(crate) fn ledger(&self, key: &str) -> u64 {
        self.report["ledger"][key].as_u64().unwrap()
    }

    /// Whether a line of the log says so.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.log.iter().any(|line| line["message"].as_str().is_some_and(|message| message.contains(text)))
    }
}

/// The example, with nothing of our own environment that it would take for a setting.
pub(crate) fn command() -> Command {
    let mut command = Command::new(example());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LAMEDUCK_") {
            command.env_remove(name);
        }
    }
    command.env("LAMEDUCK_LOG__LEVEL", "debug").env("LAMEDUCK_LOG__FORMAT", "json").stdin(Stdio::null());
    command
}

/// `cargo test` builds the examples beside the tests.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let example = test.ancestors().nth(2).unwrap().join("examples/full");
    assert!(example.exists(), "{} is missing: run `cargo test -p lameduck`, which builds it", example.display());
    example
}
