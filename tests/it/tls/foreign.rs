//! Clients that are not rustls, where the machine has them.

use super::Rig;
use std::process::{Command, Stdio};

/// Whether the machine has this program.
fn has(program: &str) -> bool {
    let known = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !known {
        skipped(program);
    }
    known
}

#[expect(clippy::print_stderr, reason = "a test that proves nothing here says so")]
fn skipped(program: &str) {
    eprintln!("not tested: this machine has no {program}");
}

#[test]
fn curl_is_served_by_both_protocols() {
    if !has("curl") {
        return;
    }
    let rig = Rig::start(&[]);
    let ca = rig.service.path("ca.crt");
    std::fs::write(&ca, rig.authority.pem()).unwrap();
    let url = format!("https://localhost:{}/ping", rig.service.http.port());
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--ipv4", option, "--write-out", "%{http_version} %{http_code}"])
            .args(["--output", "/dev/null", "--cacert", ca.to_str().unwrap(), &url])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(text, format!("{version} 200"), "{}", String::from_utf8_lossy(&output.stderr));
    }
    rig.service.stop().assert_code(0);
}

#[test]
fn openssl_verifies_the_chain_and_resumes() {
    if !has("openssl") {
        return;
    }
    let rig = Rig::start(&[]);
    let (ca, session) = (rig.service.path("ca.crt"), rig.service.path("session"));
    std::fs::write(&ca, rig.authority.pem()).unwrap();
    let ask = |version: &str, sessions: &[&str]| {
        let mut child = Command::new("openssl")
            .args(["s_client", "-connect", &rig.service.http.to_string(), "-servername", "localhost", version])
            .args(["-verify_return_error", "-alpn", "http/1.1", "-ign_eof", "-CAfile", ca.to_str().unwrap()])
            .args(sessions)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        use std::io::Write as _;
        let request = b"GET /ping HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        child.stdin.as_mut().unwrap().write_all(request).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let all = format!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && text.contains("HTTP/1.1 200 OK"), "{all}");
        assert!(text.contains("ALPN protocol: http/1.1"), "{all}");
        text
    };
    let session = session.to_str().unwrap();
    for (version, protocol) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        assert!(ask(version, &["-sess_out", session]).contains(&format!("New, {protocol}")));
        assert!(ask(version, &["-sess_in", session]).contains(&format!("Reused, {protocol}")));
    }
    rig.service.stop().assert_code(0);
}
