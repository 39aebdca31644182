//! A service under test, and thin requests.

use lameduck::config::Sources;
use lameduck::{Engine, PhaseName, Service, anyhow};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What configures a service on free ports that leaves without a wait. `settings`: `("drain.delay", "1s")` and the
/// like.
pub(crate) fn sources(settings: &[(&str, &str)]) -> Sources {
    let given = [("listen.http", "127.0.0.1:0"), ("listen.admin", "127.0.0.1:0"), ("drain.strategy", "immediate")];
    let name = |path: &str| format!("LAMEDUCK_{}", path.replace('.', "__").to_uppercase());
    let given = given.iter().filter(|(path, _)| settings.iter().all(|(other, _)| other != path));
    let all = given.chain(settings);
    let environment = all.map(|(path, value)| (name(path), (*value).to_owned())).collect();
    Sources { environment, ..Sources::default() }
}

/// Starts a service with [`sources`].
pub(crate) fn start(service: Service, settings: &[(&str, &str)]) -> Engine {
    start_with(service, settings).unwrap()
}

/// As [`start`], where it may fail.
pub(crate) fn start_with(service: Service, settings: &[(&str, &str)]) -> anyhow::Result<Engine> {
    let loaded = service.load(&sources(settings))?;
    lameduck::start(service, loaded)
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
