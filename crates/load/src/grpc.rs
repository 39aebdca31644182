//! gRPC over the HTTP/2 client: a call of each shape, and what its end means. Messages are some bytes of protobuf,
//! which these clients need no code for.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};
use http::HeaderMap;

use crate::outcome::{Answer, Outcome, loss};
use crate::plan::RequestShape;
use crate::verdict::{Kind, Verdict};

/// Messages of a stream, in whichever direction; and the time between two, so that a stream takes half a second.
const MESSAGES: usize = 20;
const INTERVAL: Duration = Duration::from_millis(25);

/// `CountRequest { messages: 20, interval_milliseconds: 25 }`, and the same as a subscription.
const COUNT: &[u8] = &[0x08, 20, 0x10, 25];
const SUBSCRIBE: &[u8] = &[0x08, 20, 0x10, 25, 0x18, 1];
/// `SumRequest { number: 1 }`.
const NUMBER: &[u8] = &[0x08, 1];
/// `EchoRequest { payload: "x" }`.
const PAYLOAD: &[u8] = &[0x0a, 1, b'x'];

/// In front of each message.
const HEAD_BYTES: usize = 5;
/// Bytes of an answer that are kept; no shape has more.
const KEPT_BYTES_MAX: usize = 64 << 10;

const UNAVAILABLE: u16 = 14;

/// What a call looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Unary,
    /// A server's stream that is work.
    Count,
    /// A client's stream.
    Sum,
    /// Both ways.
    Echo,
    /// A server's stream that may be ended when the server leaves.
    Subscription,
}

impl Shape {
    /// The shape of call number `id` of a kind; `None` if its requests are no calls.
    pub(crate) fn of(kind: Kind, id: u64) -> Option<Self> {
        const STREAMS: [Shape; 4] = [Shape::Count, Shape::Sum, Shape::Echo, Shape::Subscription];
        match kind {
            Kind::Grpc => Some(Self::Unary),
            Kind::GrpcStream => Some(STREAMS[(id % 4) as usize]),
            Kind::Hot
            | Kind::Warm
            | Kind::Cold
            | Kind::Connect
            | Kind::Slow
            | Kind::Stream
            | Kind::Upload
            | Kind::H2c
            | Kind::Pipelined => None,
        }
    }

    pub(crate) fn path(self, shape: &RequestShape) -> &str {
        match self {
            Self::Unary => &shape.grpc_path,
            Self::Count | Self::Subscription => "/lameduck.bench.v1.Bench/Count",
            Self::Sum => "/lameduck.bench.v1.Bench/Sum",
            Self::Echo => "/lameduck.bench.v1.Bench/Echo",
        }
    }

    /// A message of the request, as it is on the wire.
    pub(crate) fn message(self) -> Bytes {
        let fields = match self {
            Self::Unary => &[],
            Self::Count => COUNT,
            Self::Sum => NUMBER,
            Self::Echo => PAYLOAD,
            Self::Subscription => SUBSCRIBE,
        };
        let mut message = BytesMut::with_capacity(HEAD_BYTES + fields.len());
        message.put_u8(0);
        message.put_u32(fields.len() as u32);
        message.put_slice(fields);
        message.freeze()
    }

    /// Messages of the request.
    pub(crate) fn sends(self) -> usize {
        match self {
            Self::Unary | Self::Count | Self::Subscription => 1,
            Self::Sum | Self::Echo => MESSAGES,
        }
    }

    /// Messages of a whole answer.
    fn expects(self) -> usize {
        match self {
            Self::Unary | Self::Sum => 1,
            Self::Count | Self::Echo | Self::Subscription => MESSAGES,
        }
    }
}

/// Sends what is left of the request behind its first message, and takes in the answer.
pub(crate) async fn exchange(shape: Shape, answer: ResponseFuture, rest: SendStream<Bytes>) -> Outcome {
    let sending = tokio::task::spawn_local(send_rest(shape, rest));
    let outcome = receive(shape, answer).await;
    // An answer may end before its request does.
    sending.abort();
    outcome
}

async fn send_rest(shape: Shape, mut rest: SendStream<Bytes>) {
    for sent in 2..=shape.sends() {
        tokio::time::sleep(INTERVAL).await;
        if rest.send_data(shape.message(), sent == shape.sends()).is_err() {
            return;
        }
    }
}

async fn receive(shape: Shape, answer: ResponseFuture) -> Outcome {
    let response = match answer.await {
        Ok(response) => response,
        Err(error) => return Outcome::lost(loss(&error, false)),
    };
    let (head, body) = response.into_parts();
    if head.status.as_u16() != 200 {
        return Outcome::whole(Answer { status: head.status.as_u16().max(400), ..Answer::default() }, 0);
    }
    match take_in(body).await {
        Ok((bytes, trailers)) => judge(shape, messages(&bytes), &head.headers, trailers.as_ref()),
        Err(verdict) => Outcome::lost(verdict),
    }
}

async fn take_in(mut body: RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), Verdict> {
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.map_err(|error| loss(&error, true))?;
        let _ = body.flow_control().release_capacity(data.len());
        bytes.extend_from_slice(&data[..data.len().min(KEPT_BYTES_MAX.saturating_sub(bytes.len()))]);
    }
    let trailers = body.trailers().await.map_err(|error| loss(&error, true))?;
    Ok((bytes, trailers))
}

/// Whole messages; `None` if the last one is not whole.
fn messages(mut bytes: &[u8]) -> Option<usize> {
    let mut count = 0;
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let [_, length @ ..] = *head;
        bytes = rest.get(u32::from_be_bytes(length) as usize..)?;
        count += 1;
    }
    Some(count)
}

/// What a call that came to its end has come to: the status in its trailers says, or in its head if there is nothing
/// else.
fn judge(shape: Shape, messages: Option<usize>, head: &HeaderMap, trailers: Option<&HeaderMap>) -> Outcome {
    let end = trailers.unwrap_or(head);
    let status = end.get("grpc-status").and_then(|status| status.to_str().ok()?.parse::<u16>().ok());
    let comes_back = end.contains_key("grpc-retry-pushback-ms");
    let verdict = match (status, messages) {
        (None, _) | (_, None) => Verdict::Truncated,
        (Some(0), Some(count)) if count == shape.expects() => Verdict::Answered,
        (Some(0), Some(_)) => Verdict::Malformed,
        (Some(UNAVAILABLE), _) if comes_back && trailers.is_some() => Verdict::EndedInOrder,
        (Some(UNAVAILABLE), _) if comes_back => Verdict::Shed,
        (Some(_), _) => Verdict::WrongStatus,
    };
    Outcome { verdict, status: status.unwrap_or(0), keep: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(status: &str, pushback: bool) -> HeaderMap {
        let mut end = HeaderMap::new();
        end.insert("grpc-status", status.parse().unwrap());
        if pushback {
            end.insert("grpc-retry-pushback-ms", "100".parse().unwrap());
        }
        end
    }

    #[test]
    fn an_orderly_end_is_no_loss_and_a_cut_is() {
        let none = HeaderMap::new();
        let stream = |messages, trailers: Option<&HeaderMap>| judge(Shape::Count, messages, &none, trailers).verdict;
        assert_eq!(stream(Some(MESSAGES), Some(&end("0", false))), Verdict::Answered);
        assert_eq!(stream(Some(3), Some(&end("14", true))), Verdict::EndedInOrder);
        assert!(!Verdict::EndedInOrder.is_lost());
        assert_eq!(stream(Some(3), Some(&end("14", false))), Verdict::WrongStatus);
        assert_eq!(stream(Some(3), None), Verdict::Truncated, "no trailers");
        assert_eq!(stream(None, Some(&end("0", false))), Verdict::Truncated, "half a message");
        assert_eq!(stream(Some(3), Some(&end("0", false))), Verdict::Malformed, "messages are missing");
        assert_eq!(judge(Shape::Unary, Some(0), &end("14", true), None).verdict, Verdict::Shed);
        assert_eq!(judge(Shape::Unary, Some(0), &end("12", false), None).verdict, Verdict::WrongStatus);
    }

    #[test]
    fn messages_are_counted_whole() {
        let wire = [Shape::Sum.message(), Shape::Unary.message(), Shape::Count.message()].concat();
        assert_eq!(messages(&wire), Some(3));
        assert_eq!(messages(&wire[..wire.len() - 1]), None);
        assert_eq!(messages(&wire[..3]), None);
        assert_eq!(messages(&[]), Some(0));
    }
}
