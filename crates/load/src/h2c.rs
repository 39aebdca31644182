//! The HTTP/2 client: prior knowledge or ALPN, many streams on one connection, a new connection once the peer says
//! GOAWAY.

mod frames;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use h2::SendStream;
use h2::client::{ResponseFuture, SendRequest};
use http::{Request, Version};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use self::frames::{Duplex, Frames};
use crate::client::{Client, Pending, counts_from};
use crate::connect::{connect, handshake_failed};
use crate::endpoints::Endpoint;
use crate::grpc::{self, Shape};
use crate::outcome::{Answer, Outcome, loss};
use crate::plan::request_id;
use crate::tls::Tls;
use crate::verdict::Verdict;

/// Most streams of one client in flight; what is due beyond them waits and keeps its due time.
const STREAMS_MAX: usize = 100;

/// Turns that the task of the frames gets to take in what lies in the kernel before a client sends all the same: a
/// connection on which answers stream in is never quite empty.
const LOOKS_MAX: usize = 8;

/// Connections that one request may find closed to new streams before it is written.
const UNSENT_MAX: u32 = 8;

/// An HTTP/2 connection as its client holds it.
struct Session {
    sender: SendRequest<Bytes>,
    frames: Rc<Frames>,
    endpoint: Endpoint,
    served: Rc<Cell<u64>>,
}

/// Sends what falls due until the thread stops.
pub(crate) async fn run(mut client: Client) {
    let mut session: Option<Session> = None;
    let streams = Arc::new(Semaphore::new(STREAMS_MAX));
    loop {
        let due = client.arrivals.next_due();
        let was_free = Instant::now() < due && streams.available_permits() > 0;
        tokio::time::sleep_until(due.into()).await;
        let Ok(permit) = Arc::clone(&streams).acquire_owned().await else { return };
        if client.worker.is_stopping() {
            return;
        }
        let mut pending = client.worker.begin(client.kind, counts_from(due, was_free));
        match look_and_send(&mut client, &mut session, &mut pending).await {
            Err(verdict) => {
                pending.end(verdict, 0);
            }
            Ok(Sent { answer, rest, shape, served }) => {
                let worker = Rc::clone(&client.worker);
                tokio::task::spawn_local(async move {
                    let deadline = Instant::now() + worker.plan.timeout;
                    let receiving = async {
                        match shape {
                            Some(shape) => grpc::exchange(shape, answer, rest).await,
                            None => receive(answer).await,
                        }
                    };
                    let outcome = tokio::time::timeout_at(deadline.into(), receiving).await;
                    let outcome = outcome.unwrap_or_else(|_| Outcome::lost(Verdict::TimedOut));
                    if outcome.verdict == Verdict::Answered {
                        served.set(served.get() + 1);
                    }
                    pending.end(outcome.verdict, outcome.status);
                    drop(permit);
                });
            }
        }
    }
}

/// A request whose head is out.
struct Sent {
    answer: ResponseFuture,
    rest: SendStream<Bytes>,
    /// `None`: it is no call.
    shape: Option<Shape>,
    served: Rc<Cell<u64>>,
}

/// Looks for a session, and sends on it after the time between look and write.
async fn look_and_send(
    client: &mut Client,
    slot: &mut Option<Session>,
    pending: &mut Pending,
) -> Result<Sent, Verdict> {
    let blind = client.worker.plan.look_to_write;
    let mut unsent = 0;
    loop {
        let session = session_for(client, slot, pending).await?;
        if !blind.is_zero() {
            tokio::time::sleep(blind).await;
        }
        match send(client, session, pending) {
            // GOAWAY was there before anything was written: what a look would have found, had it been later.
            Err(Verdict::StreamRefused) if unsent < UNSENT_MAX => {
                unsent += 1;
                *slot = None;
                client.worker.record.borrow_mut().connections_left_in_time += 1;
            }
            sent => return sent,
        }
    }
}

/// A session that takes another stream: the one there is, or a new one if its peer has said GOAWAY or is gone.
async fn session_for<'a>(
    client: &mut Client,
    slot: &'a mut Option<Session>,
    pending: &mut Pending,
) -> Result<&'a mut Session, Verdict> {
    if let Some(session) = slot.take() {
        match session.look().await {
            Some(session) => return Ok(slot.insert(session)),
            // The old connection goes on for the streams it has; its task ends with the last of them.
            None => client.worker.record.borrow_mut().connections_left_in_time += 1,
        }
    }
    let choice = client.arrivals.choice();
    let Some(endpoint) = client.worker.stage.table.pick(client.view, choice) else {
        return Err(Verdict::Refused);
    };
    pending.failed_towards(Some(endpoint.replica));
    client.worker.record.borrow_mut().connections_opened += 1;
    let plan = &client.worker.plan;
    let stream = connect(endpoint, plan.connect_timeout).await?;
    let (stream, socket) = frames::split_socket(stream).map_err(|_| Verdict::ClientFault)?;
    let shaking = shake_hands(client.worker.tls.as_ref(), endpoint, stream, socket);
    let handshake = tokio::time::timeout(plan.connect_timeout, shaking).await;
    let (sender, frames) = handshake.unwrap_or(Err(Verdict::ConnectTimedOut))?;
    tokio::task::spawn_local(Rc::clone(&frames).run());
    let sender = sender.ready().await.map_err(|error| loss(&error, false))?;
    Ok(slot.insert(Session { sender, frames, endpoint, served: Rc::default() }))
}

/// TLS, if the plan has it, then HTTP/2.
async fn shake_hands(
    tls: Option<&Tls>,
    endpoint: Endpoint,
    stream: TcpStream,
    socket: std::net::TcpStream,
) -> Result<(SendRequest<Bytes>, Rc<Frames>), Verdict> {
    let stream: Box<dyn Duplex> = match tls {
        None => Box::new(stream),
        Some(tls) => {
            let connected = tls.http2().connect(tls.name(endpoint.address), stream).await;
            Box::new(connected.map_err(|error| handshake_failed(&error))?)
        }
    };
    Frames::handshake(stream, socket).await.map_err(|error| loss(&error, false))
}

impl Session {
    /// Looks whether the peer has said GOAWAY or is gone, in the kernel too; `None`: it takes no further stream.
    async fn look(mut self) -> Option<Self> {
        for _ in 0..LOOKS_MAX {
            self.sender = self.sender.ready().await.ok().filter(|_| !self.frames.have_ended())?;
            if self.frames.is_quiet() {
                break;
            }
            tokio::task::yield_now().await;
        }
        Some(self)
    }
}

fn send(client: &Client, session: &mut Session, pending: &mut Pending) -> Result<Sent, Verdict> {
    let plan = &client.worker.plan;
    pending.goes_to(session.endpoint, session.served.get() > 0);
    let shape = Shape::of(client.kind, pending.id());
    let path = shape.map_or(&*plan.shape.path, |shape| shape.path(&plan.shape));
    let scheme = if plan.tls.is_some() { "https" } else { "http" };
    let uri = match &plan.shape.host {
        Some(host) => format!("{scheme}://{host}{path}"),
        None => format!("{scheme}://{}{path}", session.endpoint.address),
    };
    let method = if shape.is_some() { "POST" } else { &plan.shape.method };
    let mut request = Request::builder().method(method).version(Version::HTTP_2).uri(uri);
    if shape.is_some() {
        request = request.header("content-type", "application/grpc").header("te", "trailers");
    }
    if plan.shape.headers.iter().all(|(name, _)| name != "user-agent") {
        request = request.header("user-agent", "lameduck-drill");
    }
    for (name, value) in &plan.shape.headers {
        request = request.header(name, value);
    }
    let request = request.header("x-request-id", request_id(plan.series(), pending.id())).body(());
    let request = request.map_err(|_| Verdict::ClientFault)?;
    let body = shape.map_or_else(|| Bytes::copy_from_slice(plan.shape.body.as_bytes()), Shape::message);
    let is_last = shape.is_none_or(|shape| shape.sends() == 1);
    let (answer, mut rest) =
        session.sender.send_request(request, body.is_empty()).map_err(|error| loss(&error, false))?;
    if !body.is_empty() {
        // Taken into the buffer of the connection at once; it goes out as the peer's window allows.
        rest.send_data(body, is_last).map_err(|error| loss(&error, false))?;
    }
    session.frames.push();
    pending.is_sent();
    Ok(Sent { answer, rest, shape, served: Rc::clone(&session.served) })
}

async fn receive(answer: ResponseFuture) -> Outcome {
    let response = match answer.await {
        Ok(response) => response,
        Err(error) => return Outcome::lost(loss(&error, false)),
    };
    let (head, mut body) = response.into_parts();
    while let Some(data) = body.data().await {
        match data {
            Ok(data) => {
                let _ = body.flow_control().release_capacity(data.len());
            }
            Err(error) => return Outcome::lost(loss(&error, true)),
        }
    }
    let retry_after = head.headers.contains_key("retry-after");
    Outcome::whole(Answer { status: head.status.as_u16(), retry_after, ..Answer::default() }, 0)
}
