//! An institution whose calls are prepared as bytes, signature included.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use broker::{Clock, Entropy, SystemClock, SystemEntropy};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bench::connection::{Connection, Reply};
use crate::command::Failure;
use crate::signing::{Unsigned, sign};

pub(super) struct Institution {
    pub(super) app_id: String,
    pub(super) app_secret: SecretString,
    pub(super) token: SecretString,
    /// What all nonces of this institution begin with; a number follows.
    nonces: String,
    nonce: AtomicU64,
}

/// What every answer of the API has.
#[derive(Deserialize)]
pub(super) struct Envelope<T> {
    pub(super) code: u32,
    #[serde(default)]
    pub(super) message: String,
    pub(super) data: Option<T>,
}

impl Institution {
    /// Asks the broker for a token with which all calls are made.
    pub(super) async fn begin(
        broker: SocketAddr,
        app_id: String,
        app_secret: SecretString,
    ) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Token {
            access_token: String,
        }
        let body = json!({
            "app_id": app_id,
            "app_secret": app_secret.expose_secret(),
            "grant_type": "client_credentials",
        });
        let request = post("/v1/token/get", "", body.to_string().as_bytes());
        let mut connection = Connection::open(broker).await?;
        let reply = connection.send(&request).await?;
        let Ok(token) = serde_json::from_slice::<Token>(reply.body) else {
            return Err(format!("token/get answered {}", reply.status).into());
        };
        let mut prefix = [0; 8];
        SystemEntropy.fill(&mut prefix);
        Ok(Self {
            app_id,
            app_secret,
            token: token.access_token.into(),
            nonces: hex::encode(prefix),
            nonce: AtomicU64::new(0),
        })
    }

    /// A signed POST, ready to be sent once.
    pub(super) fn request(&self, path: &str, body: &[u8]) -> Vec<u8> {
        let number = self.nonce.fetch_add(1, Ordering::Relaxed);
        let unsigned = Unsigned {
            path,
            body,
            authorization: &self.token,
            created: SystemClock.now(),
            nonce: &format!("{}-{number}", self.nonces),
        };
        let signed = sign(&unsigned, &self.app_id, &self.app_secret);
        let headers = format!(
            "authorization: {}\r\ncontent-digest: {}\r\nsignature-input: {}\r\nsignature: {}\r\n",
            self.token.expose_secret(),
            signed.content_digest,
            signed.signature_input,
            signed.signature,
        );
        post(path, &headers, body)
    }

    /// The data of a call that must succeed.
    pub(super) async fn call(
        &self,
        broker: SocketAddr,
        path: &str,
        fields: &Value,
    ) -> Result<Value, Failure> {
        let request = self.request(path, fields.to_string().as_bytes());
        let mut connection = Connection::open(broker).await?;
        let reply = connection.send(&request).await?;
        read::<Value>(&reply).map_err(|problem| format!("{path}: {problem}").into())
    }
}

/// The data of a successful answer.
pub(super) fn read<'a, T: Deserialize<'a>>(reply: &'a Reply<'_>) -> Result<T, String> {
    let envelope: Envelope<T> = serde_json::from_slice(reply.body)
        .map_err(|error| format!("HTTP {}: {error}", reply.status))?;
    match envelope.data {
        Some(data) if envelope.code == 200 => Ok(data),
        _ => Err(format!("{} {}", envelope.code, envelope.message)),
    }
}

/// The text in one field of an answer's data.
pub(super) fn text(data: &Value, field: &str) -> Result<String, Failure> {
    let text = data[field].as_str().map(str::to_owned);
    text.ok_or_else(|| format!("an answer lacks {field}").into())
}

fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
