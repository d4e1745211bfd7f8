//! A body within its limit.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::api_error::ApiError;
use crate::code::Code;

/// The whole body, or 413 as soon as it is known to be larger: before the first byte where the header
/// says so. Nobody holds a connection by sending a body for longer than `limit`.
pub(super) async fn read(
    headers: &HeaderMap,
    payload: Payload,
    max_bytes: usize,
    limit: Duration,
) -> Result<Bytes, ApiError> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|announced| announced > max_bytes) {
        return Err(ApiError::new(Code::PayloadTooLarge));
    }
    match timeout(limit, collect(payload, max_bytes)).await {
        Ok(body) => body,
        Err(_elapsed) => Err(ApiError::illegal_param("the body did not arrive in time")),
    }
}

async fn collect(mut payload: Payload, max_bytes: usize) -> Result<Bytes, ApiError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let Ok(chunk) = chunk else {
            return Err(ApiError::illegal_param("the body did not arrive whole"));
        };
        if body.len() + chunk.len() > max_bytes {
            return Err(ApiError::new(Code::PayloadTooLarge));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use actix_web::error::PayloadError;
    use futures_util::stream;

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    /// A body in chunks, and how many of them were read.
    fn chunked(chunks: &[&'static [u8]]) -> (Payload, Rc<Cell<usize>>) {
        let read = Rc::new(Cell::new(0));
        let count = Rc::clone(&read);
        let chunks: Vec<_> = chunks
            .iter()
            .map(|chunk| Bytes::from_static(chunk))
            .collect();
        let stream = stream::iter(chunks).map(move |chunk| {
            count.set(count.get() + 1);
            Ok::<_, PayloadError>(chunk)
        });
        (
            Payload::Stream {
                payload: stream.boxed_local(),
            },
            read,
        )
    }

    fn announcing(length: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, length.parse().unwrap());
        headers
    }

    #[actix_web::test]
    async fn a_body_up_to_the_limit_is_whole() {
        let (payload, _) = chunked(&[b"ab", b"", b"cd"]);
        let body = read(&HeaderMap::new(), payload, 4, LONG).await;
        assert_eq!(body, Ok(Bytes::from_static(b"abcd")));
        let body = read(&HeaderMap::new(), Payload::None, 4, LONG).await;
        assert_eq!(body, Ok(Bytes::new()));
    }

    #[actix_web::test]
    async fn one_beyond_it_is_not_read_to_its_end() {
        let too_large = Err(ApiError::new(Code::PayloadTooLarge));
        let (payload, chunks_read) = chunked(&[b"ab", b"cde", b"f"]);
        assert_eq!(read(&HeaderMap::new(), payload, 4, LONG).await, too_large);
        assert_eq!(chunks_read.get(), 2);
        let (payload, chunks_read) = chunked(&[b"abcde"]);
        assert_eq!(read(&announcing("5"), payload, 4, LONG).await, too_large);
        assert_eq!(chunks_read.get(), 0);
    }

    #[actix_web::test]
    async fn one_that_breaks_off_is_the_senders_fault() {
        let stream = stream::iter([Err(PayloadError::Incomplete(None))]);
        let payload = Payload::Stream {
            payload: stream.boxed_local(),
        };
        assert_eq!(
            read(&HeaderMap::new(), payload, 4, LONG).await,
            Err(ApiError::illegal_param("the body did not arrive whole"))
        );
    }

    #[actix_web::test]
    async fn one_that_does_not_come_is_not_waited_for() {
        let payload = Payload::Stream {
            payload: stream::pending().boxed_local(),
        };
        assert_eq!(
            read(&HeaderMap::new(), payload, 4, Duration::ZERO).await,
            Err(ApiError::illegal_param("the body did not arrive in time"))
        );
    }
}
