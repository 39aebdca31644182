//! A service under test, and thin requests.

use lameduck::config::{Loaded, Sources, load};
use lameduck::{Engine, PhaseName, Service};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A configuration on free ports that leaves without a wait. `settings`: `("drain.delay", "1s")` and the like.
pub(crate) fn loaded(settings: &[(&str, &str)]) -> Loaded<()> {
    let given = [
        ("listen.http", "127.0.0.1:0"),
        ("listen.admin", "127.0.0.1:0"),
        ("listen.grpc", "127.0.0.1:0"),
        ("drain.strategy", "immediate"),
    ];
    let name = |path: &str| format!("LAMEDUCK_{}", path.replace('.', "__").to_uppercase());
    let given = given.iter().filter(|(path, _)| settings.iter().all(|(other, _)| other != path));
    let all = given.chain(settings);
    let environment = all.map(|(path, value)| (name(path), (*value).to_owned())).collect();
    load(&Sources { environment, ..Sources::default() }).unwrap()
}

/// Starts a service with [`loaded`].
pub(crate) fn start(service: Service, settings: &[(&str, &str)]) -> Engine {
    lameduck::start(service, loaded(settings)).unwrap()
}

/// Waits until /readyz says 200.
pub(crate) async fn ready(engine: &Engine) {
    engine.handle().started().await;
    assert_eq!(engine.handle().phase(), PhaseName::Ready);
}

/// The whole answer to a request without a body.
pub(crate) async fn ask(address: SocketAddr, line: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// [`ask`] for a GET.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    ask(address, &format!("GET {path}"), "").await
}

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(crate) fn add(&self, note: impl Into<String>) {
        self.0.lock().unwrap().push(note.into());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}
