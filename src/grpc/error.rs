//! The service's errors as statuses. Internal causes do not fit into them, as they do not into HTTP responses.

use crate::error::Error;
use std::time::Duration;
use tonic::Status;

/// When a rejected client may try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::BadRequest(_) | Error::NotJson | Error::Unprocessable(_) => Self::invalid_argument(message),
            Error::Unauthorized => Self::unauthenticated(message),
            Error::NotFound(_) => Self::not_found(message),
            Error::Conflict(_) => Self::failed_precondition(message),
            Error::TooLarge => Self::resource_exhausted(message),
            Error::QueueFull | Error::Full(_) => lameduck_grpc::refused(message, RETRY_AFTER),
        }
    }
}
