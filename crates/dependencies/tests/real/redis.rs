//! Redis, killed, frozen, slow, behind a wrong password.

mod several;

use crate::rig::{Proxy, Server, admin, certificates, failure, free_port, listening, start, stranger, until};
use lameduck_dependencies::redis::{Redis, RedisClient, RedisError, library};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

struct Instance {
    server: Server,
    port: u16,
    folder: TempDir,
}

impl Instance {
    async fn start(arguments: &[&str]) -> Self {
        Self::start_at(free_port(), arguments).await
    }

    async fn start_at(port: u16, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Self::run(port, &folder, arguments);
        listening(port).await;
        Self { server, port, folder }
    }

    fn run(port: u16, folder: &TempDir, arguments: &[&str]) -> Server {
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.arg("--dir").arg(folder.path()).args(arguments).current_dir(folder.path());
        Server::start(&mut command, folder.path())
    }

    async fn restart(&mut self) {
        self.server = Self::run(self.port, &self.folder, &[]);
        listening(self.port).await;
    }
}

fn at(port: u16) -> String {
    format!("redis://127.0.0.1:{port}")
}

/// Settings of the dependency `it`, with checks that come often.
fn settings<'a>(url: &'a str, more: &[(&'static str, &'a str)]) -> Vec<(&'static str, &'a str)> {
    let given = [("dependencies.it.redis", url), ("dependencies.it.check_interval", "50ms")];
    given.into_iter().chain(more.iter().copied()).collect()
}

async fn up(client: &RedisClient) {
    until("redis answers", || async { client.set("up", b"1", Duration::from_secs(60)).await.is_ok() }).await;
}

// === At the start ===

#[tokio::test(flavor = "multi_thread")]
async fn the_start_waits_for_a_redis_that_comes_later() {
    let port = free_port();
    let url = at(port);
    let (engine, handles) = start::<Redis>(&settings(&url, &[]));
    let refused = || async { admin(&engine, "/readyz").await.contains("refused") };
    until("the reason is shown", refused).await;
    let _redis = Instance::start_at(port, &[]).await;
    let client = handles.ready(&engine).await;
    client.set("key", b"value", Duration::from_secs(60)).await.unwrap();
    assert_eq!(client.get("key").await.unwrap().unwrap(), "value");
    assert_eq!(client.run::<i64>(library::cmd("INCR").arg("hits")).await.unwrap(), 1);
    let metrics = admin(&engine, "/metrics").await;
    assert!(metrics.contains(r#"lameduck_dependency_calls_total{name="it",outcome="succeeded"}"#), "{metrics}");
    engine.shutdown();
    assert_eq!(engine.ended().await.exit.code(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_pass_ends_the_start_at_once_with_the_reason() {
    let secured = Instance::start(&["--requirepass", "right"]).await;
    let open = Instance::start(&[]).await;
    let web = stranger(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "wrong\n").unwrap();
    let password = password.to_str().unwrap();
    let tls = format!("rediss://127.0.0.1:{}", open.port);
    let cluster = format!("redis-cluster://127.0.0.1:{}", open.port);
    let sentinel = format!("redis-sentinel://127.0.0.1:{}/primary", open.port);
    for (url, more, reason) in [
        (at(secured.port), vec![("dependencies.it.password_file", password)], "refused the user or the password"),
        (at(secured.port), vec![], "requires a password"),
        (at(web), vec![], "not as a Redis server does"),
        (
            tls,
            vec![("dependencies.it.connect_timeout", "300ms"), ("stages.readiness_timeout", "2s")],
            "check that it speaks TLS",
        ),
        (cluster, vec![], "not part of a cluster"),
        (sentinel, vec![], "not a sentinel"),
    ] {
        let (engine, _) = start::<Redis>(&settings(&url, &more));
        let cause = failure(engine).await;
        assert!(cause.contains(reason) && cause.contains("127.0.0.1"), "{url}: {cause}");
        assert!(!cause.contains("wrong"), "{cause}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_checked_by_name() {
    let folder = tempfile::tempdir().unwrap();
    certificates(&folder, "localhost");
    let port = free_port();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (cert, key, ca) = (file("cert.pem"), file("key.pem"), file("ca.pem"));
    let tls_port = port.to_string();
    let arguments = [
        "--port",
        "0",
        "--tls-port",
        &tls_port,
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
        "--tls-auth-clients",
        "no",
    ];
    let _redis = Instance::start_at(port, &arguments).await;
    let trusted = [("dependencies.it.ca_file", ca.as_str())];
    let (right, wrong) = (format!("rediss://localhost:{port}"), format!("rediss://127.0.0.1:{port}"));
    let (engine, handles) = start::<Redis>(&settings(&right, &trusted));
    up(&handles.ready(&engine).await).await;
    engine.shutdown();
    engine.ended().await;
    for (url, trusted) in [(wrong.as_str(), &trusted[..]), (right.as_str(), &[])] {
        let (engine, _) = start::<Redis>(&settings(url, trusted));
        let cause = failure(engine).await;
        assert!(cause.contains("cannot be trusted") && cause.contains("ca_file"), "{cause}");
    }
}

// === While serving ===

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_costs_one_timeout_in_all() {
    let redis = Instance::start(&[]).await;
    let url = at(redis.port);
    // Without the checks, which are calls as well.
    let (engine, handles) =
        start::<Redis>(&[("dependencies.it.redis", url.as_str()), ("dependencies.it.check_interval", "1h")]);
    let client = handles.ready(&engine).await;
    up(&client).await;
    redis.server.freeze();
    let mut timed_out = 0;
    for _ in 0..1000 {
        match client.get("key").await {
            Err(RedisError::TimedOut(_)) => timed_out += 1,
            Err(RedisError::Unavailable(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(timed_out, 1, "of 1000 calls");
    assert!(!client.is_available());
    redis.server.thaw();
    up(&client).await;
    engine.shutdown();
    assert_eq!(engine.ended().await.exit.code(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_wait_end_with_the_first_that_finds_it_frozen() {
    let redis = Instance::start(&[]).await;
    let url = at(redis.port);
    let more = [("dependencies.it.command_timeout", "2s"), ("dependencies.it.check_interval", "1h")];
    let given: Vec<_> = [("dependencies.it.redis", url.as_str())].into_iter().chain(more).collect();
    let (engine, handles) = start::<Redis>(&given);
    let client = handles.ready(&engine).await;
    redis.server.freeze();
    let first = tokio::spawn({
        let client = client.clone();
        async move { client.get("key").await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let later: Vec<_> = (0..100)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.get("key").await })
        })
        .collect();
    assert!(matches!(first.await.unwrap(), Err(RedisError::TimedOut(_))));
    for call in later {
        let result = call.await.unwrap();
        assert!(matches!(result, Err(RedisError::Unavailable(_))), "given up with the first: {result:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_in_a_hurry_says_nothing_about_redis() {
    let redis = Instance::start(&[]).await;
    let proxy = Proxy::start(redis.port).await;
    let url = at(proxy.port);
    let (engine, handles) = start::<Redis>(&settings(&url, &[("dependencies.it.command_timeout", "60s")]));
    let client = handles.ready(&engine).await;
    proxy.set_delay(Duration::from_millis(500));
    let hurried = client.until(tokio::time::Instant::now() + Duration::from_millis(20)).get("key").await;
    assert!(matches!(hurried, Err(RedisError::TimedOut(_))), "{hurried:?}");
    assert!(client.is_available());
    assert_eq!(client.get("key").await.unwrap(), None, "those with time get their response");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_redis_is_as_good_as_none_until_it_is_fast_again() {
    let redis = Instance::start(&[]).await;
    let proxy = Proxy::start(redis.port).await;
    let url = at(proxy.port);
    let (engine, handles) = start::<Redis>(&settings(
        &url,
        &[("dependencies.it.command_timeout", "100ms"), ("dependencies.it.connect_timeout", "200ms")],
    ));
    let client = handles.ready(&engine).await;
    proxy.set_delay(Duration::from_secs(2));
    until("it is found slow", || async { !client.is_available() }).await;
    assert!(matches!(client.get("key").await, Err(RedisError::Unavailable(_))));
    proxy.set_delay(Duration::ZERO);
    up(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_redis_is_found_again() {
    let mut redis = Instance::start(&[]).await;
    let url = at(redis.port);
    let (engine, handles) = start::<Redis>(&settings(&url, &[("dependencies.it.required", "true")]));
    let client = handles.ready(&engine).await;
    for _ in 0..3 {
        redis.server.kill();
        until("calls are refused", || async { matches!(client.get("key").await, Err(RedisError::Unavailable(_))) })
            .await;
        redis.restart().await;
        up(&client).await;
    }
    redis.server.kill();
    until("not ready", || async { admin(&engine, "/readyz").await.starts_with("HTTP/1.1 503") }).await;
    redis.restart().await;
    until("ready", || async { admin(&engine, "/readyz").await.starts_with("HTTP/1.1 200") }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_one_command_is_its_callers() {
    let redis = Instance::start(&[]).await;
    let url = at(redis.port);
    let (engine, handles) = start::<Redis>(&settings(&url, &[]));
    let client = handles.ready(&engine).await;
    client.run::<i64>(library::cmd("LPUSH").arg("list").arg(1)).await.unwrap();
    let result = client.get("list").await;
    assert!(
        matches!(&result, Err(RedisError::Refused(error)) if error.to_string().contains("WRONGTYPE")),
        "{result:?}"
    );
    assert!(client.is_available());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_changed_by_its_file() {
    let redis = Instance::start(&["--requirepass", "first"]).await;
    let url = at(redis.port);
    let password = redis.folder.path().join("password");
    std::fs::write(&password, "first\n").unwrap();
    let file = password.to_str().unwrap();
    let (engine, handles) = start::<Redis>(&settings(&url, &[("dependencies.it.password_file", file)]));
    let client = handles.ready(&engine).await;
    let connection = || async { client.run::<i64>(library::cmd("CLIENT").arg("ID")).await.unwrap_or(-1) };
    let before = connection().await;
    // A file that is wrong keeps what works.
    std::fs::write(&password, "not yet\n").unwrap();
    until("it is reported", || async {
        admin(&engine, "/metrics").await.contains("lameduck_dependency_up{name=\"it\"} 0")
    })
    .await;
    assert_eq!(connection().await, before, "the old connection stays");
    let set = library::cmd("CONFIG").arg("SET").arg("requirepass").arg("second").clone();
    client.run::<String>(&set).await.unwrap();
    std::fs::write(&password, "second\n").unwrap();
    until("another connection is used", || async { connection().await > before }).await;
    // All connections go: the next one logs in with the new password.
    let kill = library::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("no").clone();
    let _ = client.run::<i64>(&kill).await;
    up(&client).await;
}

// === In the drain ===

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_does_not_hold_the_exit() {
    let redis = Instance::start(&[]).await;
    let url = at(redis.port);
    let (engine, handles) = start::<Redis>(&settings(&url, &[]));
    let client = handles.ready(&engine).await;
    up(&client).await;
    redis.server.freeze();
    engine.shutdown();
    assert_eq!(engine.ended().await.exit.code(), 0);
    redis.server.thaw();
}
