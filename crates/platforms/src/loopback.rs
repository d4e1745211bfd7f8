//! A platform on a loopback port, for one test: it takes what is scripted and nothing else.

use std::net::SocketAddr;

use egress::{Client, Policy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

pub(crate) struct Peer {
    listener: TcpListener,
    address: SocketAddr,
}

impl Peer {
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers one request after the other, and returns what was received: head and body.
    pub(crate) async fn serve<const N: usize>(&self, answers: [(u16, &str); N]) -> Vec<String> {
        let mut received = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = self.listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !is_whole(&request) {
                let mut chunk = [0; 4096];
                let length = stream.read(&mut chunk).await.unwrap();
                assert_ne!(length, 0, "the request ends early");
                request.extend_from_slice(&chunk[..length]);
            }
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            received.push(String::from_utf8(request).unwrap());
        }
        received
    }
}

/// A client that may go to loopback addresses.
pub(crate) fn client() -> Client {
    let allow = vec!["127.0.0.0/8".parse().unwrap()];
    Client::new(Policy {
        allow,
        ..Policy::default()
    })
    .unwrap()
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap());
    body.len() >= length
}
