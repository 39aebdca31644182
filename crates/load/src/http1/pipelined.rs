//! The pipelining client: several requests in one write, answers in order. What stands behind an answer with
//! `Connection: close` is not answered, and HTTP (RFC 9112, 9.3.2) tells the client to send it again: its own verdict.

use std::collections::VecDeque;
use std::io;
use std::time::Instant;

use super::connection::Connection;
use super::request::Request;
use super::response::{AtEnd, Progress};
use crate::client::{Client, Pending, Worker, counts_from};
use crate::outcome::Outcome;
use crate::plan::request_id;
use crate::stream::Idle;
use crate::verdict::Verdict;

/// Sends a batch whenever one falls due until the thread stops.
pub(crate) async fn run(mut client: Client) {
    let mut slot: Option<Connection> = None;
    let mut request = Request::new(&client.worker.plan, client.kind);
    loop {
        let due = client.arrivals.next_due();
        let was_free = Instant::now() < due;
        match slot.as_mut() {
            Some(connection) => {
                if connection.idle_until(due).await != Idle::Quiet {
                    client.worker.record.borrow_mut().connections_left_in_time += 1;
                    slot = None;
                }
            }
            None => tokio::time::sleep_until(due.into()).await,
        }
        if client.worker.is_stopping() {
            return;
        }
        slot = batch(&mut client, slot, &mut request, counts_from(due, was_free)).await;
    }
}

async fn batch(
    client: &mut Client,
    slot: Option<Connection>,
    request: &mut Request,
    due: Instant,
) -> Option<Connection> {
    let depth = client.worker.plan.shape.pipeline_depth;
    let mut batch: VecDeque<Pending> = (0..depth).map(|_| client.worker.begin(client.kind, due)).collect();
    let mut connection = match slot {
        Some(connection) => connection,
        None => {
            let opened = match batch.front_mut() {
                Some(first) => super::open(client, first).await,
                None => return None,
            };
            match opened {
                Ok(connection) => connection,
                Err(verdict) => {
                    end_all(&mut batch, verdict);
                    return None;
                }
            }
        }
    };
    let endpoint = connection.endpoint();
    for (index, pending) in batch.iter_mut().enumerate() {
        pending.goes_to(endpoint, connection.served() > 0);
        match index {
            0 => request.prepare(endpoint, pending.id()),
            _ => request.append(endpoint, pending.id()),
        }
        pending.is_sent();
    }
    let deadline = Instant::now() + client.worker.plan.timeout;
    if let Some(outcome) = connection.send(request.bytes(), deadline).await {
        end_all(&mut batch, outcome.verdict);
        return None;
    }
    let keep = answers(&client.worker, &mut connection, &mut batch, deadline).await;
    keep.then_some(connection)
}

/// Takes the answers in; true when all came and the connection lives on.
async fn answers(
    worker: &Worker,
    connection: &mut Connection,
    batch: &mut VecDeque<Pending>,
    deadline: Instant,
) -> bool {
    expect_next(worker, connection, batch);
    loop {
        if tokio::time::timeout_at(deadline.into(), connection.stream().readable()).await.is_err() {
            end_all(batch, Verdict::TimedOut);
            return false;
        }
        match take_in(worker, connection, batch) {
            Taken::More if !batch.is_empty() => {}
            Taken::More => return true,
            Taken::Leaving => {
                end_all(batch, Verdict::PipelinedUnanswered);
                return false;
            }
            Taken::Lost(verdict) => {
                end_all(batch, verdict);
                return false;
            }
        }
    }
}

enum Taken {
    More,
    /// The server said `Connection: close`: nothing behind it will be answered.
    Leaving,
    Lost(Verdict),
}

fn take_in(worker: &Worker, connection: &mut Connection, batch: &mut VecDeque<Pending>) -> Taken {
    loop {
        let mut scratch = worker.scratch.borrow_mut();
        let read = match connection.stream().try_read(&mut scratch) {
            Ok(0) => {
                return match connection.response.at_end() {
                    AtEnd::Nothing => Taken::Lost(Verdict::Closed),
                    AtEnd::Partial | AtEnd::Whole(_) => Taken::Lost(Verdict::Truncated),
                };
            }
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Taken::More,
            Err(_) => return Taken::Lost(Verdict::Reset),
        };
        let mut input = &scratch[..read];
        while !input.is_empty() {
            match connection.response.feed(input) {
                Ok(Progress::More) => break,
                Ok(Progress::Whole { answer, left }) => {
                    input = &input[input.len() - left..];
                    let Some(pending) = batch.pop_front() else { return Taken::Lost(Verdict::AnsweredTwice) };
                    let surplus = if batch.is_empty() { left } else { 0 };
                    let outcome = Outcome::whole(answer, surplus);
                    pending.end(outcome.verdict, outcome.status);
                    connection.has_served();
                    if !outcome.keep {
                        return Taken::Leaving;
                    }
                    expect_next(worker, connection, batch);
                }
                Err(_) => return Taken::Lost(Verdict::Malformed),
            }
        }
    }
}

fn expect_next(worker: &Worker, connection: &mut Connection, batch: &VecDeque<Pending>) {
    if let Some(next) = batch.front() {
        connection.expect(request_id(worker.plan.series(), next.id()).as_bytes());
    }
}

fn end_all(batch: &mut VecDeque<Pending>, verdict: Verdict) {
    for pending in batch.drain(..) {
        pending.end(verdict, 0);
    }
}
