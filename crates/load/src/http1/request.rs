//! The bytes of a request, written into one buffer that is used again and again.

use std::io::Write;
use std::time::Duration;

use crate::endpoints::Endpoint;
use crate::plan::{LoadPlan, RequestShape, request_id};
use crate::verdict::Kind;

/// A body sent in chunks.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) chunks: u32,
    pub(crate) interval: Duration,
    /// One chunk with its size line.
    pub(crate) chunk: Vec<u8>,
}

/// The request of one client.
#[derive(Debug)]
pub(crate) struct Request {
    /// Method, path and version.
    line: String,
    host: Option<String>,
    /// Everything from behind `host` to before the id.
    headers: Vec<u8>,
    /// From behind the id on.
    tail: Vec<u8>,
    series: u32,
    upload: Option<Upload>,
    bytes: Vec<u8>,
    id: Vec<u8>,
}

impl Request {
    pub(crate) fn new(plan: &LoadPlan, kind: Kind) -> Self {
        let shape = &plan.shape;
        let (method, body) = shape.method_of(kind);
        let upload = (kind == Kind::Upload).then(|| Upload {
            chunks: shape.upload_chunks,
            interval: shape.upload_interval,
            chunk: chunk(shape.upload_chunk_bytes),
        });
        let mut headers = Vec::new();
        for (name, value) in own_headers(shape, kind, body.len()).iter().chain(&shape.headers) {
            headers.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        Self {
            line: format!("{method} {} HTTP/1.1", shape.path_of(kind)),
            host: shape.host.clone(),
            headers,
            tail: [b"\r\n\r\n", body.as_bytes()].concat(),
            series: plan.series(),
            upload,
            bytes: Vec::new(),
            id: Vec::new(),
        }
    }

    /// Writes the request for this endpoint and number.
    pub(crate) fn prepare(&mut self, endpoint: Endpoint, number: u64) {
        self.bytes.clear();
        self.append(endpoint, number);
    }

    /// Writes another request behind those that are there.
    pub(crate) fn append(&mut self, endpoint: Endpoint, number: u64) {
        self.id = request_id(self.series, number).into_bytes();
        let (line, bytes) = (&self.line, &mut self.bytes);
        let head = match &self.host {
            Some(host) => write!(bytes, "{line}\r\nhost: {host}\r\n"),
            None => write!(bytes, "{line}\r\nhost: {}\r\n", endpoint.address),
        };
        head.expect("a vector takes all bytes");
        bytes.extend_from_slice(&self.headers);
        bytes.extend_from_slice(b"x-request-id: ");
        bytes.extend_from_slice(&self.id);
        bytes.extend_from_slice(&self.tail);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The id of the request written last.
    pub(crate) fn id(&self) -> &[u8] {
        &self.id
    }

    pub(crate) fn upload(&self) -> Option<&Upload> {
        self.upload.as_ref()
    }
}

/// The headers that a client of this kind writes itself, unless the plan has others of the same name.
fn own_headers(shape: &RequestShape, kind: Kind, body: usize) -> Vec<(String, String)> {
    let mut headers = vec![("user-agent", "lameduck-drill".to_owned())];
    match kind {
        Kind::Upload => headers.extend([
            ("content-type", "application/octet-stream".to_owned()),
            ("transfer-encoding", "chunked".to_owned()),
        ]),
        Kind::Connect => headers.push(("connection", "close".to_owned())),
        Kind::Hot
        | Kind::Warm
        | Kind::Cold
        | Kind::Slow
        | Kind::Stream
        | Kind::H2c
        | Kind::Pipelined
        | Kind::Grpc
        | Kind::GrpcStream => {}
    }
    if body > 0 {
        headers.push(("content-length", body.to_string()));
    }
    headers.retain(|(name, _)| shape.headers.iter().all(|(given, _)| given != name));
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn chunk(bytes: u32) -> Vec<u8> {
    let mut chunk = format!("{bytes:x}\r\n").into_bytes();
    chunk.resize(chunk.len() + bytes as usize, b'u');
    chunk.extend_from_slice(b"\r\n");
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints::ReplicaId;

    fn written(kind: Kind, change: impl FnOnce(&mut RequestShape)) -> String {
        let mut shape = RequestShape {
            path: "/a".into(),
            slow_path: "/slow".into(),
            stream_path: String::new(),
            upload_path: "/up".into(),
            grpc_path: String::new(),
            upload_chunks: 1,
            upload_chunk_bytes: 1,
            upload_interval: Duration::ZERO,
            pipeline_depth: 2,
            host: None,
            method: "GET".into(),
            headers: Vec::new(),
            body: String::new(),
        };
        change(&mut shape);
        let second = Duration::from_secs(1);
        let plan = LoadPlan {
            groups: Vec::new(),
            shape,
            tls: None,
            timeout: second,
            connect_timeout: second,
            look_to_write: second,
            threads: 1,
            seed: 0,
        };
        let mut request = Request::new(&plan, kind);
        request.prepare(Endpoint { replica: ReplicaId(0), address: ([127, 0, 0, 1], 80).into() }, 5);
        String::from_utf8(request.bytes().to_vec()).expect("text")
    }

    #[test]
    fn a_simple_request_is_a_get_with_an_id() {
        let expected = "GET /a HTTP/1.1\r\nhost: 127.0.0.1:80\r\nuser-agent: lameduck-drill\r\n\
            x-request-id: drill-00000000-0000000000000005\r\n\r\n";
        assert_eq!(written(Kind::Hot, |_| {}), expected);
        assert!(written(Kind::Connect, |_| {}).contains("connection: close\r\n"));
    }

    #[test]
    fn method_body_and_headers_are_those_of_the_plan() {
        let posted = |kind| {
            written(kind, |shape| {
                (shape.method, shape.body) = ("POST".into(), "{}".into());
                shape.host = Some("shop".into());
                shape.headers = vec![("user-agent".into(), "me".into()), ("authorization".into(), "Bearer x".into())];
            })
        };
        let simple = posted(Kind::Warm);
        assert!(
            simple.starts_with("POST /a HTTP/1.1\r\nhost: shop\r\ncontent-length: 2\r\nuser-agent: me\r\n"),
            "{simple}"
        );
        assert!(simple.contains("authorization: Bearer x\r\n") && simple.ends_with("\r\n\r\n{}"), "{simple}");
        let slow = posted(Kind::Slow);
        assert!(
            slow.starts_with("GET /slow ") && slow.contains("authorization:") && slow.ends_with("\r\n\r\n"),
            "{slow}"
        );
        assert!(posted(Kind::Upload).contains("transfer-encoding: chunked\r\n"));
    }
}
