//! The limit of a message: its length is looked at where it is announced, before anything of it is kept.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tonic::Status;

/// In front of each message: whether it is compressed, and its length.
const HEAD_BYTES: usize = 5;

pin_project_lite::pin_project! {
    /// A request body in which no message is longer than `max`.
    pub(crate) struct Messages<B> {
        #[pin]
        inner: B,
        place: Place,
    }
}

/// How far the body has come.
#[derive(Debug)]
struct Place {
    max: usize,
    head: [u8; HEAD_BYTES],
    /// Bytes of the head that have come.
    head_bytes: usize,
    /// Bytes of the message that have not.
    left: usize,
}

impl<B> Messages<B> {
    pub(crate) fn new(inner: B, max: usize) -> Self {
        Self { inner, place: Place::new(max) }
    }
}

impl Place {
    fn new(max: usize) -> Self {
        Self { max, head: [0; HEAD_BYTES], head_bytes: 0, left: 0 }
    }

    /// Goes past these bytes.
    fn pass(&mut self, mut data: &[u8]) -> Result<(), TooLarge> {
        while !data.is_empty() {
            let passed = if self.left > 0 { self.pass_message(data.len()) } else { self.pass_head(data)? };
            data = &data[passed..];
        }
        Ok(())
    }

    fn pass_message(&mut self, bytes: usize) -> usize {
        let passed = bytes.min(self.left);
        self.left -= passed;
        passed
    }

    fn pass_head(&mut self, data: &[u8]) -> Result<usize, TooLarge> {
        let passed = data.len().min(HEAD_BYTES - self.head_bytes);
        self.head[self.head_bytes..self.head_bytes + passed].copy_from_slice(&data[..passed]);
        self.head_bytes += passed;
        if self.head_bytes == HEAD_BYTES {
            let [_, length @ ..] = self.head;
            let length = u32::from_be_bytes(length) as usize;
            if length > self.max {
                return Err(TooLarge(length));
            }
            (self.head_bytes, self.left) = (0, length);
        }
        Ok(passed)
    }
}

/// A message of this length has been announced.
#[derive(Debug, PartialEq, Eq)]
struct TooLarge(usize);

impl<B: Body<Data = Bytes, Error = axum::Error>> Body for Messages<B> {
    type Data = Bytes;
    type Error = axum::BoxError;

    #[inline]
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = self.project();
        let frame = match ready!(this.inner.poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into_inner()))),
            None => return Poll::Ready(None),
        };
        if let Some(data) = frame.data_ref()
            && let Err(TooLarge(length)) = this.place.pass(data)
        {
            let max = this.place.max;
            let status = Status::resource_exhausted(format!("a message of {length} bytes; the limit is {max}"));
            return Poll::Ready(Some(Err(status.into())));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: usize) -> Vec<u8> {
        let head = u32::try_from(length).unwrap().to_be_bytes();
        [&[0], &head[..], &vec![7; length]].concat()
    }

    #[test]
    fn lengths_are_found_however_the_bytes_come() {
        let body = [message(3), message(0), message(8), message(0)].concat();
        for piece in 1..=body.len() {
            let mut place = Place::new(8);
            for data in body.chunks(piece) {
                assert_eq!(place.pass(data), Ok(()), "pieces of {piece}");
            }
            assert_eq!((place.left, place.head_bytes), (0, 0));
        }
    }

    #[test]
    fn a_message_that_is_too_large_is_refused_by_its_head() {
        let mut place = Place::new(8);
        assert_eq!(place.pass(&message(8)), Ok(()));
        assert_eq!(place.pass(&message(9)[..4]), Ok(()));
        assert_eq!(place.pass(&message(9)[4..5]), Err(TooLarge(9)));
        assert_eq!(Place::new(8).pass(&[0, 255, 255, 255, 255]), Err(TooLarge(u32::MAX as usize)));
    }
}
