//! Rolling restarts of three replicas of the real binary under clients that never retry, judged by the drill: nothing
//! lost, nothing refused, the ledgers agree with the clients; and the same with every closing off does lose.
//!
//! A loss is accepted only if the server itself counted it as `raced` and its published expectation makes so many
//! likely. Each run prints its seed; `lameduck-drill local --seed N …` repeats it.

#![cfg(unix)]
#![expect(clippy::print_stdout, reason = "what a run lost, and its seed, belong into the log of the tests")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Hot, warm, cold keep-alive, a connection a request, slow, streaming, uploads, HTTP/2 with many streams.
const CLIENTS: &str =
    "hot=60@10/s,warm=150@2/s,cold=150@0.2/s,connect=50@5/s,slow=10@0.5/s,stream=10@0.5/s,upload=5@0.5/s,h2c=4@60/s";
const ROLLOUTS: u32 = 10;
const REPLICAS: u32 = 3;
/// Rarer than this is not chance but a wrong expectation.
const CHANCE_LEAST: f64 = 0.001;

const CLOSINGS: [&str; 5] = ["NOTICE", "HOLD", "LOOK", "LINGER", "FLUSH"];

#[test]
fn endpoints_removed_soon_after_the_signal() {
    nothing_is_lost("soon", &["--propagation", "300ms", "--env", "LAMEDUCK_DRAIN__DELAY=2s"]);
}

/// Between a client's last look at its connection and its write, a FIN can arrive unseen.
const BLIND: [&str; 6] = ["--propagation", "300ms", "--look-to-write", "2ms", "--env", "LAMEDUCK_DRAIN__DELAY=2s"];

#[test]
fn clients_that_write_two_milliseconds_after_their_look() {
    nothing_is_lost("blind", &BLIND);
}

/// Control. About one request a restart crosses a close here, so that 15 restarts without any loss are no chance.
#[test]
fn the_same_with_every_closing_off_loses() {
    let off = CLOSINGS.map(|closing| format!("LAMEDUCK_BENCH__CLOSINGS__{closing}=false"));
    let mut arguments = BLIND.to_vec();
    for closing in &off {
        arguments.extend(["--env", closing]);
    }
    let report = drill("off", 5, &arguments);
    assert!(count(&report["runs"][0], "lost") > 0, "nothing was lost: this load proves nothing");
}

#[test]
fn endpoints_removed_two_seconds_late() {
    nothing_is_lost("late", &["--propagation", "2s", "--env", "LAMEDUCK_DRAIN__DELAY=3s"]);
}

/// The same by TLS: sessions that are resumed, HTTP/2 by ALPN, close_notify.
#[cfg(feature = "tls")]
#[test]
fn clients_with_tls() {
    let (authority, folder) = (lameduck_testing::tls::Authority::new(), tempfile::tempdir().expect("a folder"));
    let server = authority.server();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("text").to_owned()
    };
    let (cert, key) = (write("tls.crt", server.pem()), write("tls.key", server.key_pem()));
    let (cert, key) = (format!("LAMEDUCK_TLS__CERT_FILE={cert}"), format!("LAMEDUCK_TLS__KEY_FILE={key}"));
    let ca = write("ca.crt", authority.pem());
    // Of handshakes a build without optimization makes few.
    let few =
        "hot=20@10/s,warm=30@2/s,cold=30@0.2/s,connect=10@2/s,slow=4@0.5/s,stream=4@0.5/s,upload=2@0.5/s,h2c=2@30/s";
    let name = ["--ca", &ca, "--header", "Host: localhost", "--clients", few];
    let tls = ["--propagation", "300ms", "--env", "LAMEDUCK_DRAIN__DELAY=2s", "--env", &cert, "--env", &key];
    nothing_is_lost("tls", &[&name[..], &tls].concat());
}

fn nothing_is_lost(name: &str, arguments: &[&str]) {
    let report = drill(name, ROLLOUTS, arguments);
    let subject = &report["runs"][0];
    assert_eq!(subject["restarts"], ROLLOUTS * REPLICAS, "{report}");

    let (lost, admitted) = (count(subject, "lost"), count(subject, "admitted_as_raced"));
    let expected = subject["raced_expected"].as_f64().expect("a number");
    println!(
        "{name}: {lost} lost of {} ({expected:.4} expected to race), seed {}",
        subject["requests"], report["seed"]
    );
    let verdicts = subject["verdicts"].as_object().expect("verdicts");
    assert_eq!(lost, admitted, "lost, and not by a race that the server knows of: {verdicts:?}");
    assert!(at_least(admitted, expected) >= CHANCE_LEAST, "{admitted} raced, {expected} expected");
    for replica in subject["replicas"].as_array().expect("replicas") {
        let differences = &replica["account"]["differences"];
        assert_eq!(differences.as_array().map(Vec::len), Some(0), "{differences}");
    }
}

/// The probability of at least `count` events when `mean` are expected (Poisson).
fn at_least(count: u64, mean: f64) -> f64 {
    let mut term = (-mean).exp();
    let mut below = 0.0;
    for k in 0..count {
        below += term;
        term *= mean / (k + 1) as f64;
    }
    1.0 - below
}

fn count(run: &Value, key: &str) -> u64 {
    run[key].as_u64().unwrap_or_else(|| panic!("{key} in {run}"))
}

/// Runs the drill and reads what it wrote. One at a time: the replicas share addresses, and the load is all a machine
/// can take.
fn drill(name: &str, rollouts: u32, arguments: &[&str]) -> Value {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);

    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join(format!("{name}.json"));
    let output = Command::new(beside_the_service("lameduck-drill"))
        .args(["local", "--progress", "none", "--control", "none", "--pause", "200ms"])
        // Not the defaults: a drill that somebody runs by hand keeps its ports.
        .args(["--port", "21080", "--admin-port", "21081"])
        .args(["--rollouts", &rollouts.to_string(), "--replicas", &REPLICAS.to_string(), "--clients", CLIENTS])
        .args(["--env", "LAMEDUCK_DRAIN__STRATEGY=delay", "--json"])
        .arg(&json)
        .args(arguments)
        .arg("--")
        .arg(env!("CARGO_BIN_EXE_lameduck-service"))
        .output()
        .expect("the drill starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    let written = std::fs::read_to_string(&json).unwrap_or_else(|error| panic!("{error}; the drill said: {said}"));
    serde_json::from_str(&written).expect("JSON")
}

/// A binary of another package of this workspace. `cargo test --workspace` has built it: its own tests need it.
fn beside_the_service(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_lameduck-service")).with_file_name(name);
    assert!(path.exists(), "{} is not there: cargo build --workspace, or run `make test`", path.display());
    path
}
