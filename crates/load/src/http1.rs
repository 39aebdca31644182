//! The HTTP/1.1 client: one connection, one request at a time, as soon as it is due, and never a second try.

pub(crate) mod connection;
pub(crate) mod pipelined;
pub(crate) mod request;
pub(crate) mod response;

use std::time::{Duration, Instant};

use self::connection::Connection;
use self::request::{Request, Upload};
use crate::client::{Client, Pending, Worker, counts_from};
use crate::outcome::Outcome;
use crate::record::Ended;
use crate::stream::Idle;
use crate::verdict::{Kind, Verdict};

/// Sends what falls due until the thread stops.
pub(crate) async fn run(mut client: Client) {
    let mut connection: Option<Connection> = None;
    let mut last: Option<Ended> = None;
    let mut request = Request::new(&client.worker.plan, client.kind);
    loop {
        let due = client.arrivals.next_due();
        let was_free = Instant::now() < due;
        let idle = match connection.as_mut() {
            Some(connection) => connection.idle_until(due).await,
            None => {
                tokio::time::sleep_until(due.into()).await;
                Idle::Quiet
            }
        };
        if client.worker.is_stopping() {
            return;
        }
        leave(&client, &mut connection, last.as_ref(), idle);
        let pending = client.worker.begin(client.kind, counts_from(due, was_free));
        last = once(&mut client, &mut connection, &mut request, pending).await;
    }
}

/// One request, over the kept connection or a new one. Returns it if it was answered on a connection that is kept.
async fn once(
    client: &mut Client,
    slot: &mut Option<Connection>,
    request: &mut Request,
    mut pending: Pending,
) -> Option<Ended> {
    let mut connection = match slot.take() {
        Some(connection) => connection,
        None => match open(client, &mut pending).await {
            Ok(connection) => connection,
            Err(verdict) => {
                pending.end(verdict, 0);
                return None;
            }
        },
    };
    pending.goes_to(connection.endpoint(), connection.served() > 0);
    let blind = client.worker.plan.look_to_write;
    if !blind.is_zero() {
        tokio::time::sleep(blind).await;
    }
    request.prepare(connection.endpoint(), pending.id());
    connection.expect(request.id());
    pending.is_sent();
    let deadline = Instant::now() + client.worker.plan.timeout;
    let outcome = match connection.send(request.bytes(), deadline).await {
        None => match request.upload() {
            Some(upload) => send_body(&client.worker, &mut connection, upload, deadline).await,
            None => None,
        },
        some => some,
    };
    let outcome = match outcome {
        Some(outcome) => outcome,
        None => connection.answer(&client.worker, deadline).await,
    };
    let ended = pending.end(outcome.verdict, outcome.status);
    let keep = outcome.keep && client.kind != Kind::Connect;
    keep.then(|| {
        connection.has_served();
        *slot = Some(connection);
        ended
    })
}

async fn open(client: &mut Client, pending: &mut Pending) -> Result<Connection, Verdict> {
    let choice = client.arrivals.choice();
    let Some(endpoint) = client.worker.stage.table.pick(client.view, choice) else {
        return Err(Verdict::Refused);
    };
    pending.failed_towards(Some(endpoint.replica));
    client.worker.record.borrow_mut().connections_opened += 1;
    let mut connection =
        Connection::open(endpoint, client.worker.tls.as_ref(), client.worker.plan.connect_timeout).await?;
    connection.response.is_of_head(client.worker.plan.shape.method_of(client.kind).0 == "HEAD");
    Ok(connection)
}

/// The body of an upload, chunk by chunk; stops early when the server answers early.
async fn send_body(
    worker: &Worker,
    connection: &mut Connection,
    upload: &Upload,
    deadline: Instant,
) -> Option<Outcome> {
    for number in 0..upload.chunks {
        if number > 0
            && let Some(early) = connection.answer_until(worker, Instant::now() + upload.interval).await
        {
            // The rest of the body was not sent: the connection cannot carry another request.
            return Some(Outcome { keep: false, ..early });
        }
        if let Some(failed) = connection.send(&upload.chunk, deadline).await {
            return Some(failed);
        }
    }
    connection.send(b"0\r\n\r\n", deadline).await
}

/// Gives up a connection on which the look found something.
fn leave(client: &Client, slot: &mut Option<Connection>, last: Option<&Ended>, idle: Idle) {
    match idle {
        Idle::Quiet => return,
        Idle::Closed => client.worker.record.borrow_mut().connections_left_in_time += 1,
        Idle::Bytes => {
            if let Some(last) = last {
                client.worker.answered_twice(last);
            }
        }
    }
    *slot = None;
}

/// How long a client waits for a socket that takes no bytes before it looks at its deadline again.
const WRITE_LOOK: Duration = Duration::from_secs(1);
