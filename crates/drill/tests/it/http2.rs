//! HTTP/2 clients: told by GOAWAY they take a new connection and lose nothing; cut off they lose.

use crate::harness::{Bench, example};

#[test]
fn goaway_is_no_loss_and_sigkill_is() {
    let server = example("axum_peer");
    let arguments = [
        "--preset",
        "plain",
        "--progress",
        "none",
        "--warm-up",
        "500ms",
        "--cool-down",
        "300ms",
        "--pause",
        "100ms",
        "--propagation",
        "100ms..200ms",
        "--pre-stop",
        "3s",
        "--path",
        "/slow",
        "--only",
        "--clients",
        "h2c=6@60/s",
        "--",
        &server,
        "{host}:{port}",
    ];
    let outcome = Bench::new().call(&arguments);
    assert_eq!(outcome.code, Some(0), "{}{}", outcome.stdout, outcome.stderr);
    let json = outcome.json.as_ref().expect("a document");
    let requests = json["runs"][0]["kinds"]["h2c"]["requests"].as_u64();
    assert!(requests > Some(300), "{}", outcome.stdout);
    assert!(json["runs"][0]["connections_left_in_time"].as_u64() > Some(0), "no GOAWAY was seen: {}", outcome.stdout);
    assert!(json["runs"][1]["lost"].as_u64() > Some(0), "{}", outcome.stdout);
}
