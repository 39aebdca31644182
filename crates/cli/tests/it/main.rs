//! The commands as a person runs them, and the projects that they write: built, tested, restarted.

#![cfg(unix)]
#![expect(unreachable_pub, reason = "a test has no outside")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod doctor;
mod generated;
mod new;
mod tutorial;
mod upgrade;

use std::path::{Path, PathBuf};
use std::process::Command;

/// How a command ended, with all that it printed.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: Option<i32>,
    /// Both streams.
    pub text: String,
}

impl Ran {
    /// Asserts the exit code; the message shows the text.
    #[track_caller]
    pub fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}", self.text);
        self
    }

    /// Asserts that this was printed.
    #[track_caller]
    pub fn assert_says(&self, what: &str) -> &Self {
        assert!(self.text.contains(what), "{what:?} is not in:\n{}", self.text);
        self
    }
}

/// Runs `lameduck` in a folder.
pub fn lameduck(folder: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_lameduck")).args(arguments).current_dir(folder).output().unwrap();
    Ran {
        code: output.status.code(),
        text: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    }
}

/// The checkout that this is.
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Writes a project into a folder that stays, so that Cargo builds only what differs from the run before.
pub fn project(name: &str, arguments: &[&str]) -> PathBuf {
    let fresh = tempfile::tempdir().unwrap();
    let engine = checkout();
    let new = [&["new", name, "--engine", engine.to_str().unwrap()], arguments].concat();
    lameduck(fresh.path(), &new).assert_code(0);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated").join(name);
    let lock = std::fs::read(folder.join("Cargo.lock")).ok();
    update(&fresh.path().join(name), &folder);
    if let Some(lock) = lock {
        std::fs::write(folder.join("Cargo.lock"), lock).unwrap();
    }
    folder
}

/// Makes `folder` have the files of `fresh` and no others.
fn update(fresh: &Path, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !fresh.join(path.file_name().unwrap()).exists() {
            if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
        }
    }
    for entry in std::fs::read_dir(fresh).unwrap() {
        let from = entry.unwrap().path();
        let to = folder.join(from.file_name().unwrap());
        if from.is_dir() {
            update(&from, &to);
        } else if std::fs::read(&to).ok() != Some(std::fs::read(&from).unwrap()) {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

/// The programs of projects: built apart from this run, in whose target folder they would replace crates of the same
/// name, and what is built on those could not be used any more.
pub fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated-target")
}

/// Runs Cargo in a project, without a network. Nothing is optimised: half of the time goes into what is built once.
pub fn cargo(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO"));
    if arguments[0] != "fmt" {
        command.args(["--config", "profile.dev.package.'*'.opt-level=0", "--config", "profile.dev.debug=false"]);
    }
    command.args(arguments).current_dir(folder).env("CARGO_TARGET_DIR", target()).env("CARGO_NET_OFFLINE", "true");
    let output = command.output().expect("cargo starts");
    Ran {
        code: output.status.code(),
        text: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    }
}
