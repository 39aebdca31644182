//! An object store: `S3_SERVER` is a program that takes `--port`, as `moto_server` does, or `minio`.

use crate::rig::{Proxy, Server, certificates, failure, free_port, listening, start, stranger, until};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use lameduck_dependencies::s3::{Bucket, ObjectError, PutError, PutOptions, S3};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const MIB: usize = 1 << 20;
const KEY: &str = "test-key";
const SECRET: &str = "test-secret";

struct Store {
    server: Server,
    port: u16,
    folder: TempDir,
}

/// minio checks logins; moto takes any.
fn program() -> String {
    std::env::var("S3_SERVER").expect("S3_SERVER names minio or moto_server")
}

fn is_minio() -> bool {
    program().ends_with("minio")
}

impl Store {
    async fn start() -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let mut command = Command::new(program());
        if is_minio() {
            let address = format!("127.0.0.1:{port}");
            command.args(["server", "--quiet", "--address", &address]).arg(folder.path().join("data"));
            command.env("MINIO_ROOT_USER", KEY).env("MINIO_ROOT_PASSWORD", SECRET).env("HOME", folder.path());
            // A folder is a bucket.
            std::fs::create_dir_all(folder.path().join("data/documents")).unwrap();
        } else {
            command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        }
        let server = Server::start(&mut command, folder.path());
        listening(port).await;
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        let store = Self { server, port, folder };
        if !is_minio() {
            let url = format!("http://127.0.0.1:{port}/documents");
            let made = Command::new("curl").args(["-fsS", "-X", "PUT", &url]).status().unwrap();
            assert!(made.success());
        }
        store
    }

    fn secret(&self) -> String {
        self.folder.path().join("secret").to_str().unwrap().to_owned()
    }
}

fn settings<'a>(url: &'a str, endpoint: &'a str, secret: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("dependencies.it.s3", url),
        ("dependencies.it.endpoint", endpoint),
        ("dependencies.it.access_key", KEY),
        ("dependencies.it.password_file", secret),
        ("dependencies.it.check_interval", "100ms"),
    ]
}

fn unknown() -> PutOptions {
    PutOptions { bytes_max: 1 << 30, length: None, sha256: None }
}

/// `count` mebibytes, each of its number.
fn body(count: usize) -> impl Stream<Item = Result<Bytes, String>> {
    stream::iter((0..count).map(|number| Ok(Bytes::from(vec![u8::try_from(number % 251).unwrap(); MIB]))))
}

async fn read(bucket: &Bucket, key: &str) -> Result<Vec<u8>, ObjectError> {
    let chunks: Vec<Bytes> = bucket.get(key, None).await?.into_stream().try_collect().await?;
    Ok(chunks.concat())
}

/// What must hold for a store and for a folder alike.
async fn objects_are_whole_or_absent(bucket: &Bucket) {
    // Small, large, and replaced.
    let small = bucket.put("a/small", stream::iter([Ok::<_, String>(Bytes::from("hello"))]), &unknown()).await.unwrap();
    assert_eq!((small.size, read(bucket, "a/small").await.unwrap().as_slice()), (5, &b"hello"[..]));
    let large = bucket.put("large", body(23), &unknown()).await.unwrap();
    assert_eq!(large.size, 23 * MIB as u64);
    let all = read(bucket, "large").await.unwrap();
    assert!(all.len() == 23 * MIB && all[22 * MIB + 5] == 22);
    // Checked when read.
    let verified: Vec<_> = bucket.get("large", None).await.unwrap().verified(large.sha256).collect().await;
    assert!(verified.iter().all(Result::is_ok));
    let other: Vec<_> = bucket.get("large", None).await.unwrap().verified(small.sha256).collect().await;
    assert!(matches!(other.last(), Some(Err(ObjectError::Corrupt(_)))));
    assert!(other.iter().flatten().map(Bytes::len).sum::<usize>() < 23 * MIB, "the last bytes are held back");
    // Ranges.
    let range = bucket.get("large", Some(MIB as u64 - 1..MIB as u64 + 1)).await.unwrap();
    assert_eq!((range.size, range.into_stream().try_collect::<Vec<_>>().await.unwrap().concat()), (2, vec![0, 1]));
    // Broken off, small and large: nothing new, and what was there stays.
    for (key, mebibytes) in [("small-half", 1), ("large-half", 12), ("large", 12)] {
        let breaks = body(mebibytes).chain(stream::iter([Err("gone".to_owned())]));
        let result = bucket.put(key, breaks, &unknown()).await;
        assert!(matches!(result, Err(PutError::Body(ref why)) if why == "gone"), "{key}: {result:?}");
    }
    assert_eq!(read(bucket, "small-half").await, Err(ObjectError::NotFound));
    assert_eq!(read(bucket, "large-half").await, Err(ObjectError::NotFound));
    assert_eq!(read(bucket, "large").await.unwrap().len(), 23 * MIB);
    // Its caller goes.
    let endless = body(12).chain(stream::pending());
    let gone = tokio::time::timeout(Duration::from_secs(2), bucket.put("caller-gone", endless, &unknown())).await;
    assert!(gone.is_err());
    assert_eq!(read(bucket, "caller-gone").await, Err(ObjectError::NotFound));
    // Not what was announced.
    let wrong = [
        PutOptions { length: Some(5), ..unknown() },
        PutOptions { sha256: Some([0; 32]), ..unknown() },
        PutOptions { bytes_max: 6 * MIB as u64, ..unknown() },
    ];
    for options in wrong {
        for mebibytes in [1, 7] {
            let result = bucket.put("wrong", body(mebibytes), &options).await;
            let fits = options.bytes_max < 1 << 30 && mebibytes == 1;
            assert_eq!(result.is_ok(), fits, "{options:?}: {result:?}");
            bucket.delete("wrong").await.unwrap();
        }
    }
    let options = PutOptions { length: Some(large.size), sha256: Some(large.sha256), ..unknown() };
    bucket.put("announced", body(23), &options).await.unwrap();
    bucket.delete("announced").await.unwrap();
    assert_eq!(read(bucket, "announced").await, Err(ObjectError::NotFound));
    bucket.delete("announced").await.unwrap();
    assert!(matches!(bucket.get("../secret", None).await, Err(ObjectError::InvalidKey(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_keeps_whole_objects() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().join("documents").display());
    let (engine, handles) = start::<S3>(&[("dependencies.it.s3", &url)]);
    let bucket = handles.ready(&engine).await;
    objects_are_whole_or_absent(&bucket).await;
    let left = || async {
        let files = std::fs::read_dir(folder.path().join("documents")).unwrap();
        files.filter_map(|file| file.ok()?.file_name().into_string().ok()).filter(|name| name.contains('#')).count()
            == 0
    };
    until("no half file is left", left).await;
    engine.shutdown();
    assert_eq!(engine.ended().await.exit.code(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_keeps_whole_objects() {
    let store = Store::start().await;
    let (endpoint, secret) = (format!("http://127.0.0.1:{}", store.port), store.secret());
    let (engine, handles) = start::<S3>(&settings("s3://documents/orders", &endpoint, &secret));
    let bucket = handles.ready(&engine).await;
    objects_are_whole_or_absent(&bucket).await;
    engine.shutdown();
    assert_eq!(engine.ended().await.exit.code(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_comes_later_is_waited_for_and_one_that_goes_is_found_again() {
    let store = Store::start().await;
    let (endpoint, secret) = (format!("http://127.0.0.1:{}", store.port), store.secret());
    let given =
        [settings("s3://documents", &endpoint, &secret), vec![("dependencies.it.connect_timeout", "500ms")]].concat();
    store.server.freeze();
    let (engine, handles) = start::<S3>(&given);
    tokio::time::sleep(Duration::from_secs(1)).await;
    store.server.thaw();
    let bucket = handles.ready(&engine).await;
    bucket.put("key", body(1), &unknown()).await.unwrap();
    store.server.freeze();
    let stopped = tokio::time::timeout(Duration::from_secs(2), bucket.put("half", body(12), &unknown())).await;
    assert!(stopped.is_err(), "it waits for a store that does not answer, until its caller has no more time");
    store.server.thaw();
    until("it answers again", || async { read(&bucket, "key").await.is_ok() }).await;
    assert_eq!(read(&bucket, "half").await, Err(ObjectError::NotFound));
    // Frozen in the drain: the exit does not wait for it.
    store.server.freeze();
    engine.shutdown();
    assert_eq!(engine.ended().await.exit.code(), 0);
    store.server.thaw();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_store_is_read_to_its_end() {
    let store = Store::start().await;
    let proxy = Proxy::start(store.port).await;
    let (endpoint, secret) = (format!("http://127.0.0.1:{}", proxy.port), store.secret());
    let (engine, handles) = start::<S3>(&settings("s3://documents", &endpoint, &secret));
    let bucket = handles.ready(&engine).await;
    bucket.put("key", body(6), &unknown()).await.unwrap();
    proxy.set_delay(Duration::from_millis(20));
    assert_eq!(read(&bucket, "key").await.unwrap().len(), 6 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_pass_ends_the_start_at_once_with_the_reason() {
    let store = Store::start().await;
    let endpoint = format!("http://127.0.0.1:{}", store.port);
    let tls = format!("https://127.0.0.1:{}", store.port);
    let web = stranger(b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\nconnection: close\r\n\r\nnope").await;
    let web = format!("http://127.0.0.1:{web}");
    let secret = store.secret();
    let wrong = store.folder.path().join("wrong").to_str().unwrap().to_owned();
    std::fs::write(&wrong, "not-the-secret").unwrap();
    let mut cases = vec![
        ("s3://nowhere", &endpoint, &secret, "does not exist"),
        ("s3://documents", &web, &secret, "not as an object store does"),
        ("s3://documents", &tls, &secret, "does not speak TLS"),
    ];
    if is_minio() {
        cases.push(("s3://documents", &endpoint, &wrong, "refused the login"));
    }
    for (url, endpoint, secret, reason) in cases {
        let (engine, _) = start::<S3>(&settings(url, endpoint, secret));
        let cause = failure(engine).await;
        assert!(cause.contains(reason) && !cause.contains("not-the-secret"), "{reason}: {cause}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_checked_by_name() {
    if !is_minio() {
        return;
    }
    let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
    certificates(&folder, "localhost");
    let certs = folder.path().join("certs");
    std::fs::create_dir_all(folder.path().join("data/documents")).unwrap();
    std::fs::create_dir(&certs).unwrap();
    std::fs::copy(folder.path().join("cert.pem"), certs.join("public.crt")).unwrap();
    std::fs::copy(folder.path().join("key.pem"), certs.join("private.key")).unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let mut command = Command::new(program());
    command.args(["server", "--quiet", "--address", &format!("127.0.0.1:{port}"), "--certs-dir"]).arg(&certs);
    command.arg(folder.path().join("data")).env("MINIO_ROOT_USER", KEY).env("MINIO_ROOT_PASSWORD", SECRET);
    let _server = Server::start(command.env("HOME", folder.path()), folder.path());
    listening(port).await;
    let ca = folder.path().join("ca.pem");
    let (right, wrong) = (format!("https://localhost:{port}"), format!("https://127.0.0.1:{port}"));
    let with = |endpoint| {
        let mut all = settings("s3://documents", endpoint, secret.to_str().unwrap());
        all.push(("dependencies.it.ca_file", ca.to_str().unwrap()));
        all
    };
    let (engine, handles) = start::<S3>(&with(&right));
    handles.ready(&engine).await.put("key", body(1), &unknown()).await.unwrap();
    let (engine, _) = start::<S3>(&with(&wrong));
    let cause = failure(engine).await;
    assert!(cause.contains("cannot be trusted"), "{cause}");
}
