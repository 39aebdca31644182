//! Messages, as services see them.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use lameduck::{RequestContext, Trace};
use std::sync::Arc;

/// A message that was taken from a topic. A cheap handle.
#[derive(Clone, Debug)]
pub struct Message(Arc<Taken>);

#[derive(Debug)]
struct Taken {
    topic: String,
    partition: i32,
    offset: i64,
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: Vec<(String, Bytes)>,
}

impl Message {
    pub(super) fn new(
        place: (String, i32, i64),
        key: Option<Bytes>,
        value: Option<Bytes>,
        headers: Vec<(String, Bytes)>,
    ) -> Self {
        let (topic, partition, offset) = place;
        Self(Arc::new(Taken { topic, partition, offset, key, value, headers }))
    }

    /// Where it was.
    pub fn topic(&self) -> &str {
        &self.0.topic
    }

    /// Where in the topic it was.
    pub fn partition(&self) -> i32 {
        self.0.partition
    }

    /// Where in the partition it was.
    pub fn offset(&self) -> i64 {
        self.0.offset
    }

    /// Its key: messages with the same one are in the same partition, in their order.
    pub fn key(&self) -> Option<&Bytes> {
        self.0.key.as_ref()
    }

    /// Its value; `None` is a tombstone.
    pub fn value(&self) -> Option<&Bytes> {
        self.0.value.as_ref()
    }

    /// A header, the last one of its name.
    pub fn header(&self, name: &str) -> Option<&Bytes> {
        self.0.headers.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// What the code that works on it runs in: the trace of the request that it comes from.
    pub(super) fn context(&self) -> RequestContext {
        let mut headers = HeaderMap::new();
        for name in TRACE_HEADERS {
            let value = self.header(name).and_then(|value| HeaderValue::from_bytes(value).ok());
            value.map(|value| headers.insert(HeaderName::from_static(name), value));
        }
        let request_id = headers.remove("x-request-id");
        RequestContext { request_id, trace: Trace::extract(&headers), ..RequestContext::default() }
    }

    /// The same for the dead-letter topic, with the reason and where it was.
    pub(super) fn to_dead_letter(&self, topic: &str, reason: &str, tries: u32) -> Outgoing {
        let taken = &self.0;
        let (key, value, headers) = (taken.key.clone(), taken.value.clone(), taken.headers.clone());
        let letter = Outgoing { topic: topic.to_owned(), key, value, headers };
        let facts = [
            ("dead-letter-reason", reason.to_owned()),
            ("dead-letter-tries", tries.to_string()),
            ("dead-letter-topic", taken.topic.clone()),
            ("dead-letter-partition", taken.partition.to_string()),
            ("dead-letter-offset", taken.offset.to_string()),
        ];
        facts.into_iter().fold(letter, |letter, (name, value)| letter.header(name, value))
    }
}

/// What a message carries on from the request that sends it.
const TRACE_HEADERS: [&str; 3] = ["traceparent", "tracestate", "x-request-id"];

/// A message to send.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub(super) topic: String,
    pub(super) key: Option<Bytes>,
    pub(super) value: Option<Bytes>,
    pub(super) headers: Vec<(String, Bytes)>,
}

impl Outgoing {
    /// To this topic.
    pub fn new(topic: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self { topic: topic.into(), key: None, value: Some(value.into()), headers: Vec::new() }
    }

    /// Messages with the same key keep their order.
    #[must_use]
    pub fn key(mut self, key: impl Into<Bytes>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds what the current request is: its trace and its id. Those that are set stay.
    pub(super) fn traced(mut self, trace: Option<&Trace>) -> Self {
        let mut headers = HeaderMap::new();
        if let Some(trace) = trace {
            trace.inject(&mut headers);
        }
        if let Some(context) = RequestContext::current() {
            context.inject(&mut headers);
        }
        for name in TRACE_HEADERS {
            if let Some(value) = headers.get(name)
                && self.headers.iter().all(|(known, _)| known != name)
            {
                self.headers.push((name.to_owned(), Bytes::copy_from_slice(value.as_bytes())));
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_carries_its_trace_from_sender_to_consumer() {
        let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let sent = Outgoing::new("orders", "value").header("traceparent", traceparent).traced(None);
        let place = ("orders".to_owned(), 1, 7);
        let taken = Message::new(place, None, sent.value, sent.headers);
        let trace = taken.context().trace.unwrap();
        assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
    }

    #[test]
    fn a_dead_letter_says_why_and_whence() {
        let taken = Message::new(("orders".to_owned(), 1, 7), Some("key".into()), Some("value".into()), vec![]);
        let letter = taken.to_dead_letter("orders.dead", "no such customer", 5);
        assert_eq!((letter.topic.as_str(), letter.key.as_deref()), ("orders.dead", Some(&b"key"[..])));
        let header = |name: &str| letter.headers.iter().find(|(known, _)| known == name).unwrap().1.clone();
        assert_eq!(header("dead-letter-reason"), "no such customer");
        assert_eq!((header("dead-letter-offset"), header("dead-letter-tries")), ("7".into(), "5".into()));
    }
}
