use std::collections::VecDeque;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::join;
use tokio::net::{TcpListener, TcpStream};

use super::*;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

/// A peer on a free loopback port. It is driven by the test, beside the call, so that nothing happens
/// that the test does not await.
struct Peer {
    listener: TcpListener,
    address: SocketAddr,
}

impl Peer {
    async fn listen() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    fn url(&self, scheme: &str, host: &str) -> Url {
        let port = self.address.port();
        Url::parse(&format!("{scheme}://{host}:{port}/path?token=t0k3n")).unwrap()
    }

    /// The next connection; a test whose call goes astray fails after a while instead of waiting.
    async fn accept(&self) -> TcpStream {
        let call = tokio::time::timeout(Duration::from_secs(10), self.listener.accept());
        call.await.expect("nobody called").unwrap().0
    }

    /// One connection, one request, one answer; what was received, and the connection.
    async fn serve(&self, answer: &[u8]) -> (String, TcpStream) {
        let mut stream = self.accept().await;
        let received = read_request(&mut stream).await;
        stream.write_all(answer).await.unwrap();
        (received, stream)
    }

    /// The kernel completes a loopback connection before `connect` returns, so a connection that was
    /// made by now is waiting in the queue.
    fn was_left_alone(self) -> bool {
        let listener = self.listener.into_std().unwrap();
        let error = listener.accept().expect_err("a connection was made");
        error.kind() == std::io::ErrorKind::WouldBlock
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut received = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&received).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let announced = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= announced {
                return String::from_utf8(received).unwrap();
            }
        }
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.unwrap();
        assert_ne!(count, 0, "the request ended early");
        received.extend_from_slice(&buffer[..count]);
    }
}

fn get(url: Url) -> Request {
    Request {
        purpose: Purpose::Webhook,
        method: Method::GET,
        url,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        timeout: Duration::from_secs(20),
        max_response_bytes: 1024,
        oversize: Oversize::Fail,
    }
}

fn post(url: Url, body: &'static str) -> Request {
    Request {
        purpose: Purpose::Webhook,
        method: Method::POST,
        body: Bytes::from_static(body.as_bytes()),
        ..get(url)
    }
}

fn loopback() -> Policy {
    Policy {
        allow: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        ..Policy::default()
    }
}

fn client(policy: Policy) -> Client {
    Client::new(policy).unwrap()
}

type Answers = Arc<Mutex<VecDeque<Vec<SocketAddr>>>>;

/// A client whose lookups are answered by `answers`, one after the other.
fn client_told(policy: Policy, answers: &[&[&str]]) -> (Client, Answers) {
    let answers = answers
        .iter()
        .map(|answer| {
            let addresses = answer.iter().map(|address| address.parse().unwrap());
            addresses
                .map(|address| SocketAddr::new(address, 0))
                .collect()
        })
        .collect();
    let answers = Arc::new(Mutex::new(answers));
    let lookup = Lookup::Scripted(Arc::clone(&answers));
    (Client::with_lookup(policy, &lookup).unwrap(), answers)
}

#[tokio::test]
async fn an_allowed_address_is_reached_and_gets_the_request_as_it_was_given() {
    let peer = Peer::listen().await;
    let mut request = post(peer.url("http", "127.0.0.1"), "{\"a\":1}");
    request
        .headers
        .insert("webhook-id", "evt_1".parse().unwrap());

    let client = client(loopback());
    let answer = b"HTTP/1.1 202 Accepted\r\nx-seen: yes\r\ncontent-length: 4\r\n\r\nbody";
    let (response, (received, _stream)) = join!(client.send(request), peer.serve(answer));

    let response = response.unwrap();
    assert_eq!(response.status, StatusCode::ACCEPTED);
    assert_eq!(response.headers["x-seen"], "yes");
    assert_eq!(response.body, "body");
    assert!(
        received.starts_with("POST /path?token=t0k3n HTTP/1.1\r\n"),
        "{received}"
    );
    assert!(received.contains("webhook-id: evt_1\r\n"), "{received}");
    assert!(
        received.contains(&format!("host: {}\r\n", peer.address)),
        "{received}"
    );
    assert!(received.ends_with("\r\n\r\n{\"a\":1}"), "{received}");
}

#[tokio::test]
async fn a_post_without_a_body_announces_its_length() {
    let peer = Peer::listen().await;
    let client = client(loopback());
    let request = post(peer.url("http", "127.0.0.1"), "");
    let (_, (received, _stream)) = join!(client.send(request), peer.serve(OK));
    assert!(received.contains("content-length: 0\r\n"), "{received}");
}

#[tokio::test]
async fn nothing_is_dialled_by_default() {
    let peer = Peer::listen().await;
    let cases = [
        (peer.url("https", "127.0.0.1"), UrlRefused::Address),
        (peer.url("https", "0x7f.1"), UrlRefused::Address),
        (peer.url("https", "[::ffff:127.0.0.1]"), UrlRefused::Address),
        (peer.url("http", "127.0.0.1"), UrlRefused::Address),
        (peer.url("http", "localhost"), UrlRefused::Scheme),
        (peer.url("https", "localhost"), UrlRefused::Port),
    ];
    let client = client(Policy::default());
    for (url, refused) in cases {
        let outcome = client.send(get(url.clone())).await;
        assert_eq!(outcome.unwrap_err(), EgressError::Refused(refused), "{url}");
    }
    assert!(peer.was_left_alone());
}

#[tokio::test]
async fn a_name_that_leads_to_loopback_is_refused_by_its_address() {
    let peer = Peer::listen().await;
    // The port is listed, so that only the address can be the reason.
    let policy = Policy {
        ports: [peer.address.port()].into(),
        ..Policy::default()
    };
    let outcome = client(policy)
        .send(get(peer.url("https", "localhost")))
        .await;
    assert_eq!(
        outcome.unwrap_err(),
        EgressError::Refused(UrlRefused::Address)
    );
    assert!(peer.was_left_alone());
}

#[tokio::test]
async fn a_name_that_leads_to_allowed_addresses_is_called() {
    let peer = Peer::listen().await;
    let client = client(loopback());
    let request = get(peer.url("http", "localhost"));
    let (response, _) = join!(client.send(request), peer.serve(OK));
    assert_eq!(response.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn a_mixed_answer_refuses_the_name() {
    let peer = Peer::listen().await;
    let policy = Policy {
        ports: [peer.address.port()].into(),
        ..loopback()
    };
    let cases: [&[&str]; 3] = [
        &["127.0.0.1", "10.0.0.1"],
        &["10.0.0.1", "127.0.0.1"],
        &["127.0.0.1", "93.184.215.14", "169.254.169.254"],
    ];
    for answer in cases {
        let (client, _) = client_told(policy.clone(), &[answer]);
        let outcome = client.send(get(peer.url("https", "mixed.example"))).await;
        assert_eq!(
            outcome.unwrap_err(),
            EgressError::Refused(UrlRefused::Address),
            "{answer:?}"
        );
    }
    assert!(peer.was_left_alone());
}

#[tokio::test]
async fn a_public_address_does_not_get_plain_http_or_an_unlisted_port() {
    let cases = [
        ("http://shop.example/", UrlRefused::Scheme),
        ("https://shop.example:9000/", UrlRefused::Port),
    ];
    for (url, refused) in cases {
        let (client, _) = client_told(loopback(), &[&["127.0.0.1", "93.184.215.14"]]);
        let url = client.check_url(url).unwrap();
        let outcome = client.send(get(url)).await;
        assert_eq!(outcome.unwrap_err(), EgressError::Refused(refused));
    }
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_judged_at_every_dial() {
    let peer = Peer::listen().await;
    let (client, answers) = client_told(
        loopback(),
        &[&["127.0.0.1"], &["169.254.169.254"], &["127.0.0.1"]],
    );
    let url = peer.url("http", "rebinding.example");

    let closing = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (first, _) = join!(client.send(get(url.clone())), peer.serve(closing));
    assert_eq!(first.unwrap().status, StatusCode::OK);
    assert_eq!(answers.lock().unwrap().len(), 2, "one lookup per dial");

    let second = client.send(get(url)).await;
    assert_eq!(
        second.unwrap_err(),
        EgressError::Refused(UrlRefused::Address)
    );
    assert_eq!(answers.lock().unwrap().len(), 1, "one lookup per dial");
    assert!(peer.was_left_alone());
}

#[tokio::test]
async fn an_idle_connection_is_used_again() {
    let peer = Peer::listen().await;
    let (client, answers) = client_told(loopback(), &[&["127.0.0.1"]]);
    let url = peer.url("http", "kept.example");

    let (first, (_, mut stream)) = join!(client.send(get(url.clone())), peer.serve(OK));
    let again = async {
        let received = read_request(&mut stream).await;
        stream.write_all(OK).await.unwrap();
        received
    };
    let clone = client.clone();
    let (second, received) = join!(clone.send(post(url, "second")), again);

    assert_eq!(first.unwrap().body, "hi");
    assert_eq!(second.unwrap().body, "hi");
    assert!(received.ends_with("second"));
    assert!(answers.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let target = Peer::listen().await;
    let peer = Peer::listen().await;
    let client = client(loopback());
    for status in [301, 302, 303, 307, 308] {
        let location = target.url("http", "127.0.0.1");
        let answer = format!(
            "HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let request = get(peer.url("http", "127.0.0.1"));
        let (response, _) = join!(client.send(request), peer.serve(answer.as_bytes()));
        let response = response.unwrap();
        assert_eq!(response.status.as_u16(), status);
        assert_eq!(response.headers[header::LOCATION], location.as_str());
    }
    assert!(target.was_left_alone());
}

#[tokio::test]
async fn an_answer_is_limited_as_the_request_says() {
    const TEN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789";
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n";
    let cases = [
        (10, Oversize::Fail, Ok("0123456789")),
        (9, Oversize::Fail, Err(EgressError::TooLarge)),
        (0, Oversize::Fail, Err(EgressError::TooLarge)),
        (10, Oversize::Cut, Ok("0123456789")),
        (7, Oversize::Cut, Ok("0123456")),
        (5, Oversize::Cut, Ok("01234")),
        (0, Oversize::Cut, Ok("")),
    ];
    let peer = Peer::listen().await;
    for answer in [TEN, CHUNKED] {
        for (max_response_bytes, oversize, expected) in cases {
            let request = Request {
                max_response_bytes,
                oversize,
                ..get(peer.url("http", "127.0.0.1"))
            };
            let client = client(loopback());
            let (response, _) = join!(client.send(request), peer.serve(answer));
            let body = response.map(|response| response.body);
            let expected = expected.map(|body| Bytes::from_static(body.as_bytes()));
            assert_eq!(body, expected, "{max_response_bytes} {oversize:?}");
        }
    }
}

#[tokio::test]
async fn a_cut_answer_is_not_waited_for() {
    let peer = Peer::listen().await;
    let request = Request {
        max_response_bytes: 4,
        oversize: Oversize::Cut,
        ..get(peer.url("http", "127.0.0.1"))
    };
    // The rest never comes, and the connection stays open.
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nbody";
    let client = client(loopback());
    let (response, (_, _stream)) = join!(client.send(request), peer.serve(answer));
    assert_eq!(response.unwrap().body, "body");
}

#[tokio::test]
async fn no_answer_and_half_an_answer_time_out() {
    let client = client(loopback());
    let check = async |answer: &[u8]| {
        let peer = Peer::listen().await;
        let request = Request {
            timeout: Duration::from_secs(1),
            ..get(peer.url("http", "127.0.0.1"))
        };
        let (outcome, (_, _stream)) = join!(client.send(request), peer.serve(answer));
        assert_eq!(outcome.unwrap_err(), EgressError::TimedOut);
    };
    join!(
        check(b""),
        check(b"HTTP/1.1 200 OK\r\n"),
        check(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"),
    );
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_may_have_been_received() {
    let client = client(loopback());
    let endings: [&[u8]; 4] = [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    ];
    for ending in endings {
        let peer = Peer::listen().await;
        let request = post(peer.url("http", "127.0.0.1"), "code=once");
        let breaking = async {
            let (_, stream) = peer.serve(ending).await;
            drop(stream);
        };
        let (outcome, ()) = join!(client.send(request), breaking);
        assert_eq!(outcome.unwrap_err(), EgressError::Interrupted);
    }
}

#[tokio::test]
async fn a_refused_connection_and_an_unknown_name_have_sent_nothing() {
    let closed = Peer::listen().await;
    let url = closed.url("http", "127.0.0.1");
    drop(closed);
    let outcome = client(loopback()).send(post(url, "code=once")).await;
    assert_eq!(outcome.unwrap_err(), EgressError::ConnectFailed);

    let (nowhere, _) = client_told(Policy::default(), &[]);
    let url = nowhere.check_url("https://nowhere.example/").unwrap();
    let outcome = nowhere.send(get(url)).await;
    assert_eq!(outcome.unwrap_err(), EgressError::ConnectFailed);
}

#[tokio::test]
async fn a_failed_handshake_has_sent_nothing() {
    let peer = Peer::listen().await;
    let request = post(peer.url("https", "127.0.0.1"), "code=once");
    let plain = async {
        let mut stream = peer.accept().await;
        let mut hello = vec![0; 16 * 1024];
        let count = stream.read(&mut hello).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        stream.shutdown().await.unwrap();
        hello.truncate(count);
        stream.read_to_end(&mut hello).await.unwrap();
        hello
    };
    let client = client(loopback());
    let (outcome, hello) = join!(client.send(request), plain);
    assert_eq!(outcome.unwrap_err(), EgressError::ConnectFailed);
    assert_eq!(hello[0], 22, "the first byte of a TLS handshake");
    let text = String::from_utf8_lossy(&hello);
    assert!(!text.contains("t0k3n") && !text.contains("once"));
}

#[tokio::test]
async fn a_slow_handshake_ends_with_the_connect_timeout() {
    let peer = Peer::listen().await;
    let client = client(Policy {
        connect_timeout: Duration::from_millis(100),
        ..loopback()
    });
    let request = get(peer.url("https", "127.0.0.1"));
    let (outcome, _silent) = join!(client.send(request), peer.accept());
    assert_eq!(outcome.unwrap_err(), EgressError::ConnectFailed);
}

/// The environment of this process cannot be changed safely, so the test of a reached address runs
/// again in a child that is told to use a proxy.
#[tokio::test]
async fn the_proxies_of_the_environment_are_ignored() {
    let proxy = Peer::listen().await;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([
        "--exact",
        "client::tests::an_allowed_address_is_reached_and_gets_the_request_as_it_was_given",
    ]);
    for variable in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
    ] {
        child.env(variable, format!("http://{}", proxy.address));
    }
    child.env_remove("NO_PROXY").env_remove("no_proxy");
    let output = child.output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}");
    assert!(report.contains("1 passed"), "{report}");
    assert!(proxy.was_left_alone());
}

#[test]
fn an_answer_and_an_error_print_nothing_secret() {
    let mut headers = HeaderMap::new();
    headers.insert("set-cookie", "session=s3cret".parse().unwrap());
    let response = Response {
        status: StatusCode::OK,
        headers,
        body: Bytes::from_static(b"{\"access_token\":\"s3cret\"}"),
    };
    assert_eq!(
        format!("{response:?}"),
        "Response { status: 200, body_bytes: 25, .. }"
    );
    let refused = EgressError::from(UrlRefused::Address);
    assert_eq!(
        refused.to_string(),
        "the host must not be a private or reserved address"
    );
    assert!(refused.source().is_none());
}
