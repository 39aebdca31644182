//! A service whose server is killed, frozen, or has its password changed while it serves.

use crate::server::{PASSWORD, Server, connect};
use lameduck::axum::extract::State;
use lameduck::axum::routing::get;
use lameduck::config::Sources;
use lameduck::{App, Engine, RouteOptions, Service, anyhow};
use lameduck_dependencies::sql::{Sql, SqlError};
use lameduck_dependencies::{Postgres, database, values};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tokio::time::timeout;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

async fn ask(State(sql): State<Sql>) -> Result<String, SqlError> {
    let mut tx = sql.read().await?;
    let row = tx.row("SELECT $1::BIGINT", values![7]).await?;
    let seven: i64 = row.map_or(Ok(0), |row| row.get(0))?;
    tx.rollback().await;
    Ok(seven.to_string())
}

/// Takes longer than any request may.
async fn sleep(State(sql): State<Sql>) -> Result<(), SqlError> {
    let mut tx = sql.begin().await?;
    tx.rows("SELECT pg_sleep(600)::TEXT", &[]).await?;
    tx.commit().await
}

/// A replica whose readiness follows its database.
pub(crate) async fn replica(server: &Server, further: &[(&str, String)]) -> Engine {
    let service = Service::new("serving").dependency_kind::<Postgres>().routes(async |start| {
        let sql = database(&start, "database")?;
        let bound = RouteOptions { request_timeout: Some(Duration::from_secs(2)), body_bytes: None };
        let routes = App::new().request_limits().route_with("/ask", get(ask).with_state(sql.clone()), bound);
        anyhow::Ok(routes.route_with("/sleep", get(sleep).with_state(sql), bound))
    });
    let mut environment = vec![
        ("LISTEN__HTTP", "127.0.0.1:0".to_owned()),
        ("LISTEN__ADMIN", "127.0.0.1:0".to_owned()),
        ("DRAIN__STRATEGY", "immediate".to_owned()),
        ("DEPENDENCIES__DATABASE__REQUIRED", "true".to_owned()),
        ("DEPENDENCIES__DATABASE__CHECK_INTERVAL", "50ms".to_owned()),
        ("DEPENDENCIES__DATABASE__CONNECT_TIMEOUT", "500ms".to_owned()),
        ("DEPENDENCIES__DATABASE__POOL_MAX", "4".to_owned()),
    ];
    environment.retain(|(name, _)| !further.iter().any(|(other, _)| other == name));
    environment.extend_from_slice(further);
    if !environment.iter().any(|(name, _)| name.ends_with("POSTGRES")) {
        environment.push(("DEPENDENCIES__DATABASE__POSTGRES", server.url_with_password()));
    }
    let environment = environment.into_iter().map(|(name, value)| (format!("LAMEDUCK_{name}"), value)).collect();
    let loaded = service.load(&Sources { environment, ..Sources::default() }).unwrap();
    let engine = lameduck::start(service, loaded).unwrap();
    engine.handle().started().await;
    engine
}

/// One request on its own connection: status and body.
pub(crate) async fn send(address: SocketAddr, path: &'static str) -> (u16, String) {
    let exchange = move || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").as_bytes())?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        std::io::Result::Ok(text)
    };
    let text = tokio::task::spawn_blocking(exchange).await.unwrap().unwrap();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{text:?}"));
    (status, text.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned())
}

/// Waits until /readyz answers so.
async fn until_ready_is(engine: &Engine, status: u16) {
    let admin = engine.addresses().admin;
    let waiting = async {
        while send(admin, "/readyz").await.0 != status {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("/readyz is never {status}"));
}

async fn answers(engine: &Engine) -> u16 {
    send(engine.addresses().http, "/ask").await.0
}

pub(crate) async fn leaves_cleanly(engine: Engine) {
    engine.shutdown();
    let report = engine.ended().await;
    assert_eq!(report.exit.code(), 0, "{}", report.sentence());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_makes_it_unready_and_it_recovers() {
    let mut server = Server::start();
    let engine = replica(&server, &[]).await;
    assert_eq!(send(engine.addresses().http, "/ask").await, (200, "7".to_owned()));
    server.crash();
    assert_eq!(answers(&engine).await, 503);
    until_ready_is(&engine, 503).await;
    let verbose = send(engine.addresses().admin, "/readyz?verbose").await.1;
    assert!(verbose.contains("[-]dependency database failed"), "{verbose}");
    assert_eq!(send(engine.addresses().admin, "/livez").await.0, 200);
    server.start_again();
    until_ready_is(&engine, 200).await;
    assert_eq!(answers(&engine).await, 200);
    let metrics = send(engine.addresses().admin, "/metrics").await.1;
    assert!(metrics.contains("lameduck_dependency_connections{name=\"database\",state=\"max\"} 4"), "{metrics}");
    leaves_cleanly(engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_server_between_two_requests_costs_none() {
    let mut server = Server::start();
    // No check in between that would find the dead connections first.
    let engine = replica(&server, &[("DEPENDENCIES__DATABASE__CHECK_INTERVAL", "1h".to_owned())]).await;
    for _ in 0..4 {
        assert_eq!(answers(&engine).await, 200);
    }
    server.crash();
    server.start_again();
    drop(server.connect().await);
    assert_eq!(answers(&engine).await, 200);
    leaves_cleanly(engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_costs_each_request_its_time_and_no_connection() {
    let server = Server::start();
    let engine = replica(&server, &[]).await;
    assert_eq!(answers(&engine).await, 200);
    server.freeze();
    // More requests than connections: none of them hangs.
    let requests: Vec<_> = (0..12).map(|_| send(engine.addresses().http, "/ask")).collect();
    let requests: Vec<_> = requests.into_iter().map(tokio::spawn).collect();
    for request in requests {
        let (status, _) = timeout(PATIENCE, request).await.expect("an answer").unwrap();
        assert_eq!(status, 503);
    }
    until_ready_is(&engine, 503).await;
    server.thaw();
    until_ready_is(&engine, 200).await;
    let requests: Vec<_> = (0..12).map(|_| send(engine.addresses().http, "/ask")).map(tokio::spawn).collect();
    for request in requests {
        assert_eq!(request.await.unwrap().0, 200);
    }
    leaves_cleanly(engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_leaves_in_time_while_its_server_is_frozen() {
    let server = Server::start();
    let engine = replica(&server, &[]).await;
    assert_eq!(answers(&engine).await, 200);
    server.freeze();
    leaves_cleanly(engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_rotated_by_its_file_without_a_failed_request() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let by_file = [
        ("DEPENDENCIES__DATABASE__POSTGRES", server.url()),
        ("DEPENDENCIES__DATABASE__PASSWORD_FILE", file.display().to_string()),
        ("DEPENDENCIES__DATABASE__CONNECT_TIMEOUT", "30s".to_owned()),
    ];
    let engine = replica(&server, &by_file).await;
    // One connection, which lives through the change.
    let operator = connect(&server.dependency().pool_max(1)).await;
    for round in 0..3 {
        assert_eq!(answers(&engine).await, 200);
        std::fs::write(&file, format!("secret {round}")).unwrap();
        // The file first, then the server, as an operator does; and no connection with the old one is left.
        let mut tx = operator.begin().await.unwrap();
        let alter = lameduck_dependencies::sql::AssertSqlSafe(format!("ALTER USER orders PASSWORD 'secret {round}'"));
        tx.execute(alter, &[]).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = operator.begin().await.unwrap();
        let others = "SELECT pg_terminate_backend(pid)::TEXT FROM pg_stat_activity \
                      WHERE pid <> pg_backend_pid() AND usename = 'orders'";
        tx.rows(others, &[]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(answers(&engine).await, 200, "round {round}");
    }
    leaves_cleanly(engine).await;
}
