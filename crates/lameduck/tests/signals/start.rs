//! Starts that do not go as planned: a signal meanwhile, a dependency that is late or never there, a port that is
//! taken.

use crate::client::{Lost, get, must};
use crate::process::{Process, command};
use std::net::TcpListener;

/// A port that nobody listens on, and that stays ours.
struct Shut(socket2::Socket);

impl Shut {
    fn new() -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        Self(socket)
    }

    fn setting(&self) -> String {
        format!("dependencies.database.tcp={}", self.0.local_addr().unwrap().as_socket().unwrap())
    }

    fn open(&self) {
        self.0.listen(16).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn terminate_while_starting_ends_clean() {
    let database = Shut::new();
    let mut process = Process::start(&[&database.setting(), "stages.dependencies=database"]);
    process.wait_for(|line| line["dependency"] == "database" && line["level"] == "warn");
    assert!(matches!(get(process.http, "/ping").await, Err(Lost::Refused(_))), "bound, but not listening");
    must(get(process.admin, "/livez").await, 200);
    must(get(process.admin, "/startupz").await, 503);
    let ready = must(get(process.admin, "/readyz").await, 503);
    assert!(ready.body.contains("[-]startup failed: waiting for database (tcp 127.0.0.1:"), "{}", ready.body);
    process.terminate();
    let ended = process.ended();
    ended.assert_code(0);
    assert_eq!(ended.report["was_ready"], false);
    assert!(ended.says("stopped before ready"), "{:#?}", ended.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_dependency_opens_its_gate() {
    let database = Shut::new();
    let mut process =
        Process::start(&[&database.setting(), "stages.dependencies=database", "drain.strategy=immediate"]);
    process.wait_for(|line| line["dependency"] == "database" && line["level"] == "warn");
    database.open();
    process.wait_for_phase("ready");
    must(get(process.http, "/ping").await, 200);
    must(get(process.admin, "/startupz").await, 200);
    process.terminate();
    process.ended().assert_code(0);
}

#[test]
fn a_dependency_that_never_comes_is_named_with_its_reason() {
    let database = Shut::new();
    let settings = [&database.setting(), "stages.dependencies=database", "stages.readiness_timeout=500ms"];
    let ended = Process::start(&settings).ended();
    ended.assert_code(1);
    let cause = ended.report["cause"]["text"].as_str().unwrap();
    assert!(cause.starts_with("start-up failed at `database`: not open within 500ms"), "{cause}");
    assert!(cause.contains("refused"), "{cause}");
    assert_eq!(ended.ledger("started"), 0, "nothing half-started ever served");
}

#[test]
fn a_port_that_is_taken_says_which_key_and_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    for key in ["http", "admin"] {
        let address = taken.local_addr().unwrap().to_string();
        let mut command = command();
        for listen in ["http", "admin"] {
            let here = if listen == key { address.as_str() } else { "127.0.0.1:0" };
            command.env(format!("LAMEDUCK_LISTEN__{}", listen.to_uppercase()), here);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let log = String::from_utf8(output.stdout).unwrap();
        let expected = format!(
            "cannot bind {address}: another process listens there; stop it or choose another port (listen.{key}, or FULL_LISTEN__{} in the environment)",
            key.to_uppercase()
        );
        assert!(log.contains(&expected), "{log}");
    }
}

#[test]
fn a_token_file_that_is_missing_ends_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("token");
    let token = format!("admin.token_file={}", missing.display());
    let ended = Process::spawn(&["admin.drain=token", &token]).ended();
    ended.assert_code(1);
    let cause = ended.report["cause"]["text"].as_str().unwrap();
    assert!(cause.contains("admin.token_file: ") && cause.contains("No such file"), "{cause}");
}

#[test]
fn a_report_that_cannot_be_written_is_logged_and_decides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = format!("drain.report_file={}", folder.path().join("missing/report.json").display());
    let process = Process::ready(&[&nowhere, "drain.strategy=immediate"]);
    process.terminate();
    let ended = process.ended();
    assert_eq!(ended.code, Some(0));
    assert!(ended.says("the report cannot be written to"), "{:#?}", ended.log);
}

#[test]
fn a_wrong_configuration_is_refused_with_all_its_mistakes() {
    let output = command().env("LAMEDUCK_DRAIN__DELAYY", "3s").env("LAMEDUCK_QUEUE__MOST", "0").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let problem = String::from_utf8(output.stderr).unwrap();
    assert!(problem.contains("LAMEDUCK_DRAIN__DELAY?") && problem.contains("queue.most"), "{problem}");
}
