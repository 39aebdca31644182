//! What a handler can know of its call, and how it says what its stream is.

use lameduck::{Connection, Goodbye, Handle};
use std::net::SocketAddr;
use std::time::Duration;
use tonic::{Request, Response};

/// What the engine knows of a call.
///
/// ```
/// use lameduck_grpc::CallContext as _;
/// use tonic::{Request, Response, Status};
///
/// async fn report(request: Request<()>) -> Result<Response<String>, Status> {
///     let handle = request.handle();
///     let short = handle.is_leaving() || request.time_left().is_some_and(|left| left.as_millis() < 100);
///     Ok(Response::new(if short { "short".to_owned() } else { "long".to_owned() }))
/// }
/// ```
pub trait CallContext {
    /// The lifecycle: phase, time left of the drain, [`leaving`](Handle::leaving). In the extensions of every request.
    fn handle(&self) -> Handle;

    /// Time until the client's deadline; `None` if it named none. It is what outgoing calls should pass on.
    fn time_left(&self) -> Option<Duration>;

    /// The other end of the connection.
    fn peer(&self) -> Option<SocketAddr>;
}

impl<T> CallContext for Request<T> {
    fn handle(&self) -> Handle {
        // In a test of a handler there is no engine.
        self.extensions().get::<Handle>().cloned().unwrap_or_else(Handle::detached)
    }

    fn time_left(&self) -> Option<Duration> {
        self.extensions().get::<Connection>()?.time_left()
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.extensions().get::<Connection>().map(Connection::peer)
    }
}

/// Declares the stream of a response a subscription: it has no end by itself, so it is ended in order once Draining
/// has begun, within `drain.goodbye`, by `UNAVAILABLE` with `grpc-retry-pushback-ms`, and its client resumes elsewhere.
/// Without this a stream is work, and may finish.
pub fn subscription<T>(mut response: Response<T>) -> Response<T> {
    response.extensions_mut().insert(Goodbye::Restart);
    response
}
