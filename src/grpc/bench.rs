//! `lameduck.bench.v1.Bench`, with `bench.enabled` only: one call of each shape. Delete it with `src/bench.rs`.

use super::generated::bench::bench_server::{Bench, BenchServer};
use super::generated::bench::{
    CountRequest, CountResponse, EchoRequest, EchoResponse, SlowRequest, SlowResponse, SumRequest, SumResponse,
};
use crate::bench::millis;
use crate::error::Error;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use lameduck_grpc::subscription;
use tonic::{Request, Response, Status, Streaming};

const MESSAGES_MAX: u64 = 1_000_000;

/// The service, to be added to the calls.
pub fn server() -> BenchServer<Handlers> {
    BenchServer::new(Handlers).max_decoding_message_size(usize::MAX)
}

/// It has no state.
#[derive(Debug)]
pub struct Handlers;

#[tonic::async_trait]
impl Bench for Handlers {
    async fn slow(&self, request: Request<SlowRequest>) -> Result<Response<SlowResponse>, Status> {
        let SlowRequest { milliseconds } = request.into_inner();
        tokio::time::sleep(millis(milliseconds)?).await;
        Ok(Response::new(SlowResponse { milliseconds }))
    }

    type CountStream = BoxStream<'static, Result<CountResponse, Status>>;

    async fn count(&self, request: Request<CountRequest>) -> Result<Response<Self::CountStream>, Status> {
        let asked = request.into_inner();
        let interval = millis(asked.interval_milliseconds)?;
        if asked.messages > MESSAGES_MAX {
            return Err(Error::BadRequest(format!("at most {MESSAGES_MAX} messages")).into());
        }
        let numbers = stream::iter(0..asked.messages).then(move |number| async move {
            if !interval.is_zero() {
                tokio::time::sleep(interval).await;
            }
            Ok(CountResponse { number })
        });
        let response = Response::new(numbers.boxed());
        Ok(if asked.subscription { subscription(response) } else { response })
    }

    async fn sum(&self, request: Request<Streaming<SumRequest>>) -> Result<Response<SumResponse>, Status> {
        let mut numbers = request.into_inner();
        let mut response = SumResponse::default();
        while let Some(SumRequest { number }) = numbers.message().await? {
            response.sum = response.sum.wrapping_add(number);
            response.messages += 1;
        }
        Ok(Response::new(response))
    }

    type EchoStream = BoxStream<'static, Result<EchoResponse, Status>>;

    async fn echo(&self, request: Request<Streaming<EchoRequest>>) -> Result<Response<Self::EchoStream>, Status> {
        let echoed =
            request.into_inner().map(|message| message.map(|message| EchoResponse { payload: message.payload }));
        Ok(Response::new(echoed.boxed()))
    }
}
