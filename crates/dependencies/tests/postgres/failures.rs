//! What goes wrong at the start, told apart: each has its sentence, and those that cannot pass end the start at once.

use crate::server::{PASSWORD, Server, USER, folder, free_port};
use lameduck::{Dependency, DependencyError};
use lameduck_dependencies::Postgres;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

async fn failure(url: &str) -> DependencyError {
    Postgres::new(url).unwrap().connect().await.expect_err(url)
}

#[track_caller]
fn assert_permanent(error: &DependencyError, sentence: &str) {
    assert!(matches!(error, DependencyError::Permanent(why) if why.contains(sentence)), "{sentence}: {error:?}");
}

/// Something that answers whatever comes by `answer`.
fn stranger(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 64]);
            let _ = stream.write_all(answer);
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn password_user_database_and_server_are_told_apart() {
    let server = Server::start();
    server.connect().await;
    let at = |user: &str, database: &str| format!("postgres://{user}@127.0.0.1:{}/{database}", server.port);
    let wrong = failure(&at(&format!("{USER}:wrong"), "postgres")).await;
    assert_permanent(&wrong, &format!("127.0.0.1:{} refuses the password of user {USER}", server.port));
    assert_permanent(&failure(&at("nobody:x", "postgres")).await, "refuses the password of user nobody");
    let password = PASSWORD.replace(' ', "%20");
    let unknown = failure(&at(&format!("{USER}:{password}"), "no_such")).await;
    assert_permanent(&unknown, "has no database no_such");
    let tls = failure(&format!("{}?sslmode=require", server.url_with_password())).await;
    assert_permanent(&tls, "does not offer TLS, which sslmode requires");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_postgres_is_named_so_and_silence_may_pass() {
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"-ERR unknown command\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"] {
        let error = failure(&format!("postgres://a@127.0.0.1:{}/a", stranger(answer))).await;
        assert_permanent(&error, "is not a PostgreSQL server");
    }
    let refused = failure(&format!("postgres://a@127.0.0.1:{}/a", free_port())).await;
    assert!(matches!(&refused, DependencyError::Transient(why) if why.contains("refused")), "{refused:?}");
    let closed = failure(&format!("postgres://a@127.0.0.1:{}/a", stranger(b""))).await;
    assert!(matches!(closed, DependencyError::Transient(_)), "{closed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_name_or_issuer_is_refused() {
    let folder = folder();
    let issued = rcgen::generate_simple_self_signed(["orders.example".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, issued.cert.pem()).unwrap();
    std::fs::write(&key, issued.signing_key.serialize_pem()).unwrap();
    // As PostgreSQL wants it: root may own a key that the group can read, else its user alone.
    // SAFETY: plain system calls.
    if unsafe { libc::geteuid() } == 0 {
        std::process::Command::new("chown").arg("postgres").arg(&key).status().unwrap();
    }
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let shown = certificate.display().to_string();
    let files = [format!("ssl_cert_file={shown}"), format!("ssl_key_file={}", key.display())];
    let server = Server::in_folder(folder, &["ssl=on", &files[0], &files[1]]);
    server.connect().await;

    let verify = format!("{}?sslmode=verify-full", server.url_with_password());
    assert_permanent(&failure(&verify).await, "unknown issuer");
    let trusted = format!("{verify}&sslrootcert={shown}");
    assert_permanent(&failure(&trusted).await, "has a certificate of another name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_file_that_is_not_there_ends_the_start() {
    let server = Server::start();
    let postgres = Postgres::new(&server.url()).unwrap();
    let error = postgres.password_file("dependencies.database.password_file", "/no/such/file").connect().await;
    assert_permanent(&error.unwrap_err(), "dependencies.database.password_file: /no/such/file");
}
