//! An institution's webhook receiver.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{PATIENCE, let_pass, webhook_signature};

/// What was posted, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Webhook {
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Webhook {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.unwrap_or_else(|| panic!("no header {name} in {:?}", self.headers))
    }

    /// The event, after its signature was found to be right.
    pub(crate) fn verified(&self, secret: &str) -> serde_json::Value {
        let (id, timestamp) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let expected = webhook_signature(secret, id, timestamp, &self.body);
        assert_eq!(self.header("webhook-signature"), expected);
        assert_eq!(self.header("content-type"), "application/json");
        let event: serde_json::Value = serde_json::from_slice(&self.body).expect("an event");
        assert_eq!(event["id"], id);
        event
    }
}

/// What an endpoint answers to one attempt.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Answer {
        status: u16,
        header: Option<(&'static str, String)>,
    },
    /// Nothing, while the connection stays open.
    Never,
    /// Nothing, and the connection is closed.
    HangUp,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        let header = None;
        Self::Answer { status, header }
    }

    pub(crate) fn with(status: u16, name: &'static str, value: &str) -> Self {
        let header = Some((name, value.to_owned()));
        Self::Answer { status, header }
    }
}

#[derive(Default)]
struct State {
    received: VecDeque<Webhook>,
    replies: HashMap<String, VecDeque<Reply>>,
    /// How long every answer takes.
    pause: Duration,
}

/// Answers 204, unless it was told to answer something else.
pub(crate) struct Receiver {
    address: SocketAddr,
    shared: Arc<(Mutex<State>, Notify)>,
    _listening: JoinSet<()>,
}

impl Receiver {
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new((Mutex::default(), Notify::new()));
        let mut listening = JoinSet::new();
        let state = Arc::clone(&shared);
        listening.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(take_one(stream, Arc::clone(&state)));
            }
        });
        Self {
            address,
            shared,
            _listening: listening,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next attempts at this path are answered so, in this order.
    pub(crate) fn script(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        let mut state = self.shared.0.lock().unwrap();
        state
            .replies
            .entry(path.to_owned())
            .or_default()
            .extend(replies);
    }

    /// From now on every answer takes so long.
    pub(crate) fn take_time(&self, pause: Duration) {
        self.shared.0.lock().unwrap().pause = pause;
    }

    /// Everything that came since this was last asked, oldest first.
    pub(crate) fn take(&self) -> Vec<Webhook> {
        self.shared.0.lock().unwrap().received.drain(..).collect()
    }

    /// The only webhook that came.
    pub(crate) fn take_one(&self) -> Webhook {
        let mut webhooks = self.take();
        assert_eq!(webhooks.len(), 1, "{webhooks:#?}");
        webhooks.remove(0)
    }

    /// The next webhook, when it comes.
    pub(crate) async fn next(&self) -> Webhook {
        self.try_next(PATIENCE).await.expect("no webhook came")
    }

    /// The next webhook, if it comes within this time.
    pub(crate) async fn try_next(&self, within: Duration) -> Option<Webhook> {
        let (state, arrived) = &*self.shared;
        let waiting = async {
            loop {
                let arrival = arrived.notified();
                let first = state.lock().unwrap().received.pop_front();
                if let Some(webhook) = first {
                    return webhook;
                }
                arrival.await;
            }
        };
        timeout(within, waiting).await.ok()
    }
}

async fn take_one(mut stream: TcpStream, shared: Arc<(Mutex<State>, Notify)>) {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).await.unwrap_or(0);
        if length == 0 {
            return;
        }
        bytes.extend_from_slice(&chunk[..length]);
        if let Some(request) = split(&bytes) {
            break request;
        }
    };
    let mut lines = head.lines();
    let path = lines.next().and_then(|line| line.split(' ').nth(1));
    let headers = lines.filter_map(|line| line.split_once(": "));
    let webhook = Webhook {
        path: path.expect("a request line").to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        body,
    };
    let (state, arrived) = &*shared;
    let (reply, pause) = {
        let mut state = state.lock().unwrap();
        let scripted = state
            .replies
            .get_mut(&webhook.path)
            .and_then(VecDeque::pop_front);
        state.received.push_back(webhook);
        (scripted.unwrap_or(Reply::status(204)), state.pause)
    };
    arrived.notify_waiters();
    if !pause.is_zero() {
        let_pass(pause).await;
    }
    let (status, header) = match reply {
        Reply::Answer { status, header } => (status, header),
        Reply::Never => return std::future::pending().await,
        Reply::HangUp => return,
    };
    let header = header
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .unwrap_or_default();
    let answer =
        format!("HTTP/1.1 {status} X\r\n{header}content-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await.ok();
}

/// Head and body of a request that is whole.
fn split(bytes: &[u8]) -> Option<(String, Vec<u8>)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).expect("an ASCII head");
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.parse().expect("a length"));
    let body = &bytes[end + 4..];
    (body.len() >= length).then(|| (head, body[..length].to_vec()))
}
