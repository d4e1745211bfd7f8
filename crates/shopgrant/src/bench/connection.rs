//! A keep-alive connection that sends prepared requests. A whole HTTP client would take as much CPU as
//! what it measures, and both share the cores.

use std::net::SocketAddr;
use std::ops::Range;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The largest answer that is read.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;

pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer, as long as the next request is not sent.
pub(super) struct Reply<'a> {
    pub(super) status: u16,
    pub(super) body: &'a [u8],
    head: &'a str,
}

impl Reply<'_> {
    /// Where the answer sends a browser.
    pub(super) fn location(&self) -> Option<&str> {
        header(self.head, "location")
    }
}

/// The connection cannot be used any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error("the connection failed")]
    Io(#[from] std::io::Error),
    #[error("the connection was closed")]
    Closed,
    #[error("an answer is not understood")]
    Answer,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> Result<Self, ConnectionError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(4096),
        })
    }

    /// Sends a whole request and reads the whole answer.
    pub(super) async fn send(&mut self, request: &[u8]) -> Result<Reply<'_>, ConnectionError> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        let (head_end, body) = loop {
            if let Some(found) = find_answer(&self.buffer)? {
                break found;
            }
            if self.buffer.len() > LONGEST_ANSWER {
                return Err(ConnectionError::Answer);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(ConnectionError::Closed);
            }
        };
        let head = str::from_utf8(&self.buffer[..head_end]).map_err(|_| ConnectionError::Answer)?;
        let status = status(head).ok_or(ConnectionError::Answer)?;
        Ok(Reply {
            status,
            body: &self.buffer[body],
            head,
        })
    }
}

/// The length of the head and where the body lies, once both are there. An answer that does not say its
/// length is none that our servers give to these requests.
fn find_answer(buffer: &[u8]) -> Result<Option<(usize, Range<usize>)>, ConnectionError> {
    let Some(head_end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = str::from_utf8(&buffer[..head_end]).map_err(|_| ConnectionError::Answer)?;
    let length: usize = match header(head, "content-length") {
        Some(text) => text.parse().map_err(|_| ConnectionError::Answer)?,
        None if matches!(status(head), Some(204 | 304)) => 0,
        None => return Err(ConnectionError::Answer),
    };
    let body = head_end + 4..head_end + 4 + length;
    Ok((buffer.len() >= body.end).then_some((head_end, body)))
}

fn status(head: &str) -> Option<u16> {
    head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx: y\r\n\r\n{}";
        for length in 0..answer.len() {
            assert!(find_answer(&answer[..length]).unwrap().is_none());
        }
        let (head, body) = find_answer(answer).unwrap().unwrap();
        let head = str::from_utf8(&answer[..head]).unwrap();
        assert_eq!((status(head), header(head, "X")), (Some(200), Some("y")));
        assert_eq!(&answer[body], b"{}");
    }

    #[test]
    fn an_answer_without_a_length_is_refused() {
        assert!(find_answer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert!(
            find_answer(b"HTTP/1.1 204 No Content\r\n\r\n")
                .unwrap()
                .is_some()
        );
    }
}
