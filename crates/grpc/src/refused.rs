//! A refusal on purpose: the call was not done, and may be tried again.

use std::time::Duration;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// When a client may try again, by gRFC A6; retry policies of clients follow it.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// `UNAVAILABLE`: the service is too busy for this call, and says when to try again, as `RetryInfo` among the details
/// and as `grpc-retry-pushback-ms`. Counts as `rejected`.
///
/// ```
/// use std::time::Duration;
/// let status = lameduck_grpc::refused("the queue is full", Duration::from_secs(1));
/// assert_eq!(status.code(), tonic::Code::Unavailable);
/// ```
pub fn refused(message: impl Into<String>, retry_after: Duration) -> Status {
    let mut metadata = MetadataMap::new();
    let ms = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
    metadata.insert(PUSHBACK, MetadataValue::from(ms));
    let details = ErrorDetails::with_retry_info(Some(retry_after));
    Status::with_error_details_and_metadata(Code::Unavailable, message, details, metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_when_to_try_again_in_both_ways() {
        let status = refused("full", Duration::from_millis(1500));
        assert_eq!(status.metadata().get(PUSHBACK).unwrap(), "1500");
        let retry = status.get_details_retry_info().unwrap();
        assert_eq!(retry.retry_delay, Some(Duration::from_millis(1500)));
    }
}
