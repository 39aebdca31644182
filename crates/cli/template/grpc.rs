//! The gRPC interface. The files in `proto/` say what it is, `build.rs` makes the code of them.

use crate::routes::ping;
use generated::@snake@_server::{@Pascal@, @Pascal@Server};
use generated::{PingRequest, PingResponse};
use lameduck_grpc::Calls;
use tonic::{Request, Response, Status};

/// What tonic makes of the files in `proto/`.
#[allow(unreachable_pub, unused_qualifications, clippy::all, reason = "generated")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/@snake@.v1.rs"));
}

/// For reflection, and for the names of methods in metrics.
const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The services. Health and reflection are added to them.
pub fn calls() -> Calls {
    // `grpc.message_max` alone says how large a message may be.
    let service = @Pascal@Server::new(Handlers).max_decoding_message_size(usize::MAX);
    Calls::new().describe(DESCRIPTORS).service(service)
}

/// One method per call.
#[derive(Debug)]
struct Handlers;

#[tonic::async_trait]
impl @Pascal@ for Handlers {
    async fn ping(&self, _: Request<PingRequest>) -> Result<Response<PingResponse>, Status> {
        Ok(Response::new(PingResponse { message: ping::PONG.to_owned() }))
    }
}
