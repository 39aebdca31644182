//! A server on a runtime of its own with one work thread, and what a test does with it.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Path;
use axum::routing::{any, get};
use bytes::Bytes;
use lameduck_lifecycle::CloseReason;
use lameduck_server::{App, Bound, Closings, IdleHold, Numbers, Options, Seams, Server};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::client::{self, Client};

/// A bound for what must happen and normally takes milliseconds; no test passes because it is long or short.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What a drain may take where nothing is left to wait for: far above any tick, far below any time-out left at its
/// default.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// What the server's threads are called, so that their panics are told from a test's own.
pub(crate) const THREAD_NAME: &str = "server-under-test";

/// What `/panic` says: the one panic that is not a bug.
pub(crate) const ON_PURPOSE: &str = "a handler that panics on purpose";

/// A listening server. Dropping it ends it at once.
pub(crate) struct Rig {
    /// The server itself.
    pub(crate) server: Server,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    runtime: Runtime,
    /// Where the test waits: its timers work while the server's thread is held.
    clients: Runtime,
    gate: watch::Sender<bool>,
    stall: Arc<Mutex<Stalls>>,
}

/// The two ends of `/stall`: it says that it has begun, then blocks its thread until it is told.
struct Stalls {
    begun: Receiver<()>,
    resume: Sender<()>,
}

/// Holds the server's only work thread while it lives.
pub(crate) struct Stalled<'a> {
    stalls: std::sync::MutexGuard<'a, Stalls>,
    client: Option<Client>,
}

/// For clients that connect before a drain and speak in it: the machine may be busy.
pub(crate) fn patient() -> Seams {
    Seams { first_byte_in_drain: PATIENCE, ..Seams::default() }
}

impl Rig {
    /// A server with the contract's defaults, except that idle connections are held as `idle_hold` says.
    pub(crate) fn start(idle_hold: IdleHold, closings: Closings) -> Self {
        Self::with(Options { idle_hold, closings, seams: patient(), ..Options::default() })
    }

    /// A server whose bound for this reason is short, for tests in which it has to pass. Its other bounds are not: a
    /// client on a busy machine may need a while for what it does first.
    pub(crate) fn impatient(reason: CloseReason) -> Self {
        let short = Duration::from_millis(300);
        let mut options = Options::default();
        let bound = |of: CloseReason, default: Duration| if reason == of { short } else { default };
        let (limits, http2) = (&mut options.limits, &mut options.http2);
        limits.first_byte_timeout = bound(CloseReason::FirstByteTimeout, limits.first_byte_timeout);
        limits.header_timeout = bound(CloseReason::HeaderTimeout, limits.header_timeout);
        http2.keep_alive_interval = bound(CloseReason::KeepAliveTimeout, http2.keep_alive_interval);
        http2.keep_alive_timeout = bound(CloseReason::KeepAliveTimeout, http2.keep_alive_timeout);
        Self::with(options)
    }

    /// A server with these options.
    pub(crate) fn with(options: Options) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name(THREAD_NAME).enable_all().build().unwrap();
        let clients = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (gate, opened) = watch::channel(false);
        let (begun, has_begun) = channel();
        let (resume, resumed) = channel();
        let server = Server::new(options);
        let address = {
            let _context = runtime.enter();
            let bound = Bound::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
            server.serve(bound, app(opened, begun, resumed)).unwrap()
        };
        let stall = Arc::new(Mutex::new(Stalls { begun: has_begun, resume }));
        Rig { server, address, runtime, clients, gate, stall }
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address).expect("the listener is open")
    }

    /// A new connection that has had one answer and is idle.
    pub(crate) fn idle_client(&self) -> Client {
        let mut client = self.connect();
        let answer = client.ask("/ok").expect("nobody leaves yet");
        assert!(!answer.says_close(), "nobody leaves yet");
        client
    }

    /// Holds the server's work thread from now on: nothing is accepted, read or closed until this is dropped.
    pub(crate) fn stall(&self) -> Stalled<'_> {
        self.stall_by(self.connect())
    }

    /// The same by a request on a connection that is there.
    pub(crate) fn stall_by(&self, mut client: Client) -> Stalled<'_> {
        client.send(&client::get("/stall")).unwrap();
        let stalls = self.stall.lock().unwrap();
        stalls.begun.recv_timeout(PATIENCE).expect("the handler has been called");
        Stalled { stalls, client: Some(client) }
    }

    /// Lets every `/gate` answer.
    pub(crate) fn open_gate(&self) {
        self.gate.send_replace(true);
    }

    /// The notice begins.
    pub(crate) fn lame_duck(&self) {
        let _context = self.runtime.enter();
        self.server.lame_duck();
    }

    /// Draining begins.
    pub(crate) fn drain(&self) {
        let _context = self.runtime.enter();
        self.server.drain(None);
    }

    /// Draining begins; returns when the listener has closed.
    pub(crate) fn drain_and_refuse(&self) {
        self.drain();
        self.until_async("new connections are refused", async || {
            // While the listener closes, a handshake is not refused but unanswered, and would only be tried again after
            // a second.
            let connecting = tokio::net::TcpStream::connect(self.address);
            matches!(tokio::time::timeout(Duration::from_millis(5), connecting).await, Ok(Err(_)))
        });
    }

    /// The deadline has come.
    pub(crate) fn force(&self) {
        let _context = self.runtime.enter();
        self.server.force();
    }

    /// Waits until nothing is left, and that the books are straight then.
    #[track_caller]
    pub(crate) fn drained(&self, within: Duration) {
        let started = Instant::now();
        let drained = self.clients.block_on(async { tokio::time::timeout(within, self.server.drained()).await });
        assert!(drained.is_ok(), "not drained after {:?}: {:#?}", started.elapsed(), self.server.stragglers(10));
        let Numbers { ledger, connections, .. } = self.server.snapshot();
        ledger.check().unwrap();
        assert_eq!(ledger.in_flight(), 0, "{ledger:?}");
        assert_eq!(connections.open(), 0, "{connections:?}");
    }

    /// Whether it is drained now.
    pub(crate) fn is_drained(&self) -> bool {
        self.clients.block_on(async { tokio::time::timeout(Duration::ZERO, self.server.drained()).await }).is_ok()
    }

    /// Waits until the server's numbers say so.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, condition: impl Fn(&Numbers) -> bool) {
        self.until_async(what, async || condition(&self.server.snapshot()));
    }

    #[track_caller]
    fn until_async(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let looked = self.clients.block_on(async {
            tokio::time::timeout(PATIENCE, async {
                while !condition().await {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            })
            .await
        });
        assert!(looked.is_ok(), "never: {what}\n{:#?}", self.server.snapshot());
    }

    /// Lets time pass, where the passing itself is tested: something must *not* have ended after it.
    pub(crate) fn pass(&self, time: Duration) {
        self.clients.block_on(async { tokio::time::sleep(time).await });
    }

    /// Runs a client that is asynchronous.
    pub(crate) fn block_on<T>(&self, client: impl Future<Output = T>) -> T {
        self.clients.block_on(async { tokio::time::timeout(PATIENCE, client).await.expect("the client ends") })
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // A test that failed while it held the thread must not hang here.
        let _context = self.runtime.enter();
        self.server.force();
        self.gate.send_replace(true);
    }
}

// === impl Stalled ===

impl Stalled<'_> {
    /// Lets the work thread go on, to a further request that holds it again.
    pub(crate) fn then_by(mut self, mut client: Client) -> Self {
        client.send(&client::get("/stall")).unwrap();
        self.stalls.resume.send(()).expect("the handler waits");
        self.stalls.begun.recv_timeout(PATIENCE).expect("the handler has been called again");
        self.client.replace(client).expect("there is one").answer().expect("the first one is answered");
        self
    }

    /// Lets the work thread go on, and waits until the handler that held it has been answered.
    pub(crate) fn release(mut self) {
        let client = self.client.take();
        drop(self);
        client.expect("taken here only").answer().expect("the stalled request is answered");
    }
}

impl Drop for Stalled<'_> {
    fn drop(&mut self) {
        // Nobody receives if the handler was dropped: then nothing is held either.
        let _ = self.stalls.resume.send(());
    }
}

fn app(gate: watch::Receiver<bool>, begun: Sender<()>, resumed: Receiver<()>) -> App {
    let stall = Arc::new(Mutex::new((begun, resumed)));
    App::new()
        .route("/ok", any(async || "ok"))
        .route("/echo", any(async |body: Bytes| body))
        .route("/panic", any(panics))
        .route(
            "/gate",
            get(async move || {
                let mut gate = gate;
                gate.wait_for(|open| *open).await.map(|_| "open").unwrap_or("gone")
            }),
        )
        // Answers at once and reads nothing of the request's body.
        .route("/bytes/{count}", any(async |Path(count): Path<usize>| vec![b'x'; count]))
        .route("/endless", get(async || Body::from_stream(endless())))
        .route(
            "/stall",
            get(async move || {
                let stall = stall.lock().unwrap();
                stall.0.send(()).unwrap();
                stall.1.recv_timeout(PATIENCE).unwrap();
                "resumed"
            }),
        )
}

async fn panics() -> &'static str {
    panic!("{ON_PURPOSE}")
}

/// A body that never ends by itself; the pause lets others have the thread.
fn endless() -> impl futures_util::Stream<Item = Result<Bytes, std::convert::Infallible>> {
    futures_util::stream::unfold((), |()| async {
        tokio::task::yield_now().await;
        Some((Ok(Bytes::from_static(&[b'x'; 1024])), ()))
    })
}
