//! `lameduck.sample.v1.Sample`: what the HTTP routes do, as calls.

use super::generated::sample::sample_server::{Sample, SampleServer};
use super::generated::sample::{
    GetUserRequest, GetUserResponse, PingRequest, PingResponse, SubmitRequest, SubmitResponse, UpdateRequest,
    UpdateResponse,
};
use super::object::object;
use crate::routes::{ping, update, user};
use crate::store::Store;
use crate::workers::Queue;
use tonic::{Request, Response, Status};

/// The service, to be added to the calls.
pub fn server(queue: Queue, store: Store) -> SampleServer<Handlers> {
    // `grpc.message_max` alone says how large a message may be.
    SampleServer::new(Handlers { queue, store }).max_decoding_message_size(usize::MAX)
}

/// One method per call.
#[derive(Debug)]
pub struct Handlers {
    queue: Queue,
    store: Store,
}

#[tonic::async_trait]
impl Sample for Handlers {
    async fn ping(&self, _: Request<PingRequest>) -> Result<Response<PingResponse>, Status> {
        Ok(Response::new(PingResponse { message: ping::PONG.to_owned() }))
    }

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        let id = self.queue.push(object(request.into_inner().object)?)?;
        Ok(Response::new(SubmitResponse { id }))
    }

    async fn update(&self, request: Request<UpdateRequest>) -> Result<Response<UpdateResponse>, Status> {
        let UpdateRequest { id, object: new } = request.into_inner();
        update::store(&self.store, &id, object(new)?)?;
        Ok(Response::new(UpdateResponse { id }))
    }

    async fn get_user(&self, request: Request<GetUserRequest>) -> Result<Response<GetUserResponse>, Status> {
        let GetUserRequest { id, name } = request.into_inner();
        Ok(Response::new(GetUserResponse { greeting: user::greet(&name, &id)? }))
    }
}
