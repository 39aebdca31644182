//! `GET /ws/echo`, `GET /ws/counter?from=N`, `GET /events`: streams that live long, and resume elsewhere after a
//! restart.
//!
//! Nothing here knows of a restart: the engine ends each stream in order once the process leaves. What makes that
//! harmless is the number that a client gives when it comes back.

use crate::error::Error;
use crate::extract::Query;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::{Message, WebSocket};
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;

/// The default is 128 KiB per connection, which nothing here needs.
const READ_BUFFER_BYTES: usize = 4096;

/// A message of a client, at most.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// Shorter intervals would be a load, longer ones silence.
const INTERVAL_MS: std::ops::RangeInclusive<u64> = 10..=60_000;

/// Where a stream of numbers begins, and how fast it goes.
#[derive(Debug, Deserialize)]
pub struct Count {
    /// The first number.
    #[serde(default)]
    from: u64,
    /// Time between two numbers, 10 to 60 000.
    #[serde(default = "second")]
    interval_ms: u64,
}

fn second() -> u64 {
    1000
}

impl Count {
    fn interval(&self) -> Result<Duration, Error> {
        if !INTERVAL_MS.contains(&self.interval_ms) {
            let (least, most) = (INTERVAL_MS.start(), INTERVAL_MS.end());
            return Err(Error::BadRequest(format!("interval_ms must be {least} to {most}")));
        }
        Ok(Duration::from_millis(self.interval_ms))
    }
}

fn upgrade(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade.read_buffer_size(READ_BUFFER_BYTES).max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX)
}

/// Sends each message back.
pub async fn echo(websocket: WebSocketUpgrade) -> Response {
    upgrade(websocket).on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            let echoed = matches!(message, Message::Text(_) | Message::Binary(_));
            if echoed && socket.send(message).await.is_err() {
                return;
            }
        }
    })
}

/// Sends one number after another. After a restart the client asks for the one behind the last that it got.
///
/// # Errors
/// 400 for an interval out of range.
pub async fn counter(Query(count): Query<Count>, websocket: WebSocketUpgrade) -> Result<Response, Error> {
    let interval = count.interval()?;
    Ok(upgrade(websocket).on_upgrade(move |socket| send_numbers(socket, count.from, interval)))
}

async fn send_numbers(mut socket: WebSocket, from: u64, interval: Duration) {
    let mut ticks = tokio::time::interval(interval);
    let mut next = from;
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                if socket.send(Message::from(next.to_string())).await.is_err() {
                    return;
                }
                next = next.wrapping_add(1);
            }
            received = socket.recv() => match received {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}

/// Server-sent events with numbers as ids. A browser's `EventSource` comes back by itself, with `Last-Event-ID`.
///
/// # Errors
/// 400 for an interval out of range, or a `Last-Event-ID` that is not a number.
pub async fn events(Query(count): Query<Count>, headers: HeaderMap) -> Result<Response, Error> {
    let interval = count.interval()?;
    let from = match headers.get("last-event-id") {
        None => count.from,
        Some(last) => last
            .to_str()
            .ok()
            .and_then(|last| last.parse::<u64>().ok())
            .map(|last| last.wrapping_add(1))
            .ok_or_else(|| Error::BadRequest("Last-Event-ID must be a number".to_owned()))?,
    };
    Ok(Sse::new(numbers(from, interval)).into_response())
}

fn numbers(from: u64, interval: Duration) -> impl Stream<Item = Result<Event, Infallible>> {
    let ticks = tokio::time::interval(interval);
    stream::unfold((ticks, from), |(mut ticks, next)| async move {
        ticks.tick().await;
        let number = next.to_string();
        Some((Ok(Event::default().id(&number).data(&number)), (ticks, next.wrapping_add(1))))
    })
}
