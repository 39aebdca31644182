//! Throw-away servers, a proxy that can be slow, and a service on the engine.

use lameduck::config::Sources;
use lameduck::{App, DependencyKind, Engine, PhaseName, Service, Start, anyhow};
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// Between two looks at something that will happen.
const LOOK: Duration = Duration::from_millis(10);
/// Nothing here takes so long, on a busy machine either.
const PATIENCE: Duration = Duration::from_secs(120);

/// A port that nobody uses at the moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Waits until `done` says so; `what` is for the panic.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut done: impl FnMut() -> F) {
    let waiting = async {
        while !done().await {
            sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("in vain: {what}"));
}

/// Waits until something listens there.
pub(crate) async fn listening(port: u16) {
    until("a server listens", || async { TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok() }).await;
}

/// A process that ends with its handle.
pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// Starts it, with its output in a file of `folder`.
    pub(crate) fn start(command: &mut Command, folder: &Path) -> Self {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        let command = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Self { child }
    }

    pub(crate) fn signal(&self, signal: i32) {
        let pid = i32::try_from(self.child.id()).unwrap();
        // SAFETY: a system call without memory; the child has not been waited for, so the id is its.
        let result = unsafe { libc::kill(pid, signal) };
        assert_eq!(result, 0, "signal {signal}");
    }

    pub(crate) fn freeze(&self) {
        self.signal(libc::SIGSTOP);
    }

    pub(crate) fn thaw(&self) {
        self.signal(libc::SIGCONT);
    }

    /// Waits until it has ended; whether it was content.
    #[cfg(feature = "kafka")]
    pub(crate) async fn wait(&mut self) -> bool {
        let mut status = None;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while status.is_none() && tokio::time::Instant::now() < deadline {
            status = self.child.try_wait().unwrap();
            sleep(LOOK).await;
        }
        status.is_some_and(|status| status.success())
    }

    /// SIGKILL, and gone when it returns.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passes bytes on, after a delay.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    delay_millis: Arc<AtomicU64>,
}

impl Proxy {
    pub(crate) async fn start(to: u16) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let delay_millis = Arc::new(AtomicU64::new(0));
        let delay = Arc::clone(&delay_millis);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await else { continue };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(pass(from_client, to_server, Arc::default()));
                tokio::spawn(pass(from_server, to_client, Arc::clone(&delay)));
            }
        });
        Self { port, delay_millis }
    }

    pub(crate) fn set_delay(&self, delay: Duration) {
        self.delay_millis.store(u64::try_from(delay.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    delay: Arc<AtomicU64>,
) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        sleep(Duration::from_millis(delay.load(Ordering::SeqCst))).await;
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// A server that is none of the kind: answers whatever comes with `answer`, and closes.
pub(crate) async fn stranger(answer: &'static [u8]) -> u16 {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut buffer = [0; 1024];
            let _ = client.read(&mut buffer).await;
            let _ = client.write_all(answer).await;
        }
    });
    port
}

/// Configures a service on free ports that leaves without a wait.
pub(crate) fn sources(settings: &[(&str, &str)]) -> Sources {
    let given = [("listen.http", "127.0.0.1:0"), ("listen.admin", "127.0.0.1:0"), ("drain.strategy", "immediate")];
    let name = |path: &str| format!("LAMEDUCK_{}", path.replace('.', "__").to_uppercase());
    let all = given.iter().chain(settings);
    let environment = all.map(|(path, value)| (name(path), (*value).to_owned())).collect();
    Sources { environment, ..Sources::default() }
}

/// A service with one dependency of kind `K`, called `it`.
pub(crate) fn start<K: DependencyKind>(settings: &[(&str, &str)]) -> (Engine, Handles<K::Handle>) {
    start_with::<K, _>(settings, |_, _| Ok(()))
}

/// As [`start`]; `more` is called when the routes are built.
pub(crate) fn start_with<K, F>(settings: &[(&str, &str)], more: F) -> (Engine, Handles<K::Handle>)
where
    K: DependencyKind,
    F: FnOnce(&Start, K::Handle) -> anyhow::Result<()> + Send + 'static,
{
    let (sender, handles) = tokio::sync::oneshot::channel();
    let service = Service::new("test").dependency_kind::<K>().routes(async move |start| {
        let handle = start.dependency::<K>("it")?;
        more(&start, handle.clone())?;
        let _ = sender.send(handle);
        anyhow::Ok(App::new())
    });
    let loaded = service.load(&sources(settings)).unwrap();
    (lameduck::start(service, loaded).unwrap(), Handles(handles))
}

/// Where the handle of the dependency comes from, once the service is ready.
pub(crate) struct Handles<H>(tokio::sync::oneshot::Receiver<H>);

impl<H> Handles<H> {
    pub(crate) async fn ready(self, engine: &Engine) -> H {
        engine.handle().started().await;
        assert_eq!(engine.handle().phase(), PhaseName::Ready);
        self.0.await.unwrap()
    }
}

/// Why a start failed: it must have.
pub(crate) async fn failure(engine: Engine) -> String {
    let report = engine.ended().await;
    assert_eq!(report.exit.code(), 1);
    report.document.cause.map(|cause| cause.text).unwrap_or_default()
}

/// The answer of the admin port.
pub(crate) async fn admin(engine: &Engine, path: &str) -> String {
    ask(engine.addresses().admin, path).await
}

async fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// An authority, and what it signed for `name`: `ca.pem`, `cert.pem`, `key.pem` in `folder`.
pub(crate) fn certificates(folder: &TempDir, name: &str) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "test authority");
    let authority = parameters.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::new(parameters, key);
    let own = rcgen::KeyPair::generate().unwrap();
    let signed = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&own, &issuer).unwrap();
    let write = |file: &str, text: String| std::fs::write(folder.path().join(file), text).unwrap();
    write("ca.pem", authority.pem());
    write("cert.pem", signed.pem());
    write("key.pem", own.serialize_pem());
}
