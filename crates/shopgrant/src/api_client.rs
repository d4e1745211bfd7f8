//! Calls the institution API over HTTP, as any institution would: a token, then signed POSTs.

use std::sync::Arc;
use std::time::Duration;

use broker::{Clock, Entropy, SystemEntropy};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;
use url::Url;

use crate::signing::{Unsigned, sign};

/// Longer than the longest `wait_seconds` that a call may ask for.
const TIMEOUT: Duration = Duration::from_mins(1);

/// One institution's way to its broker.
pub(crate) struct ApiClient {
    http: reqwest::Client,
    broker: Url,
    app_id: String,
    app_secret: SecretString,
    clock: Arc<dyn Clock>,
    token: Mutex<Option<Token>>,
}

struct Token {
    value: SecretString,
    /// When it is time for another one, well before it ends.
    renew_at: DateTime<Utc>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Bytes,
    /// The `code` of the envelope; absent if it is none.
    pub(crate) code: Option<u32>,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        self.code == Some(200)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("{call} got no answer")]
    NoAnswer {
        call: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("no token: {0}")]
    NoToken(String),
    #[error("{0} is no URL of a broker")]
    Url(Url),
}

/// A plain HTTP client that follows no redirects and uses no proxy.
#[expect(
    clippy::disallowed_methods,
    reason = "our own side of the wire: the demo's seller and `call`"
)]
pub(crate) fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    // Losing the race to another installer is as good as winning it.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIMEOUT)
        .build()
}

impl ApiClient {
    pub(crate) fn new(
        http: reqwest::Client,
        broker: Url,
        app_id: impl Into<String>,
        app_secret: SecretString,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            http,
            broker,
            app_id: app_id.into(),
            app_secret,
            clock,
            token: Mutex::new(None),
        }
    }

    /// The answer to `store/query` and its like, whatever it says.
    pub(crate) async fn call(&self, call: &str, body: Vec<u8>) -> Result<Answer, ApiError> {
        let url = self.url_of(call)?;
        let token = self.token().await?;
        let mut nonce = [0; 16];
        SystemEntropy.fill(&mut nonce);
        let unsigned = Unsigned {
            path: url.path(),
            body: &body,
            authorization: &token,
            created: self.clock.now(),
            nonce: &hex::encode(nonce),
        };
        let headers = sign(&unsigned, &self.app_id, &self.app_secret);
        let request = self
            .http
            .post(url)
            .header(AUTHORIZATION, token.expose_secret())
            .header(CONTENT_TYPE, "application/json")
            .header("content-digest", headers.content_digest)
            .header("signature-input", headers.signature_input)
            .header("signature", headers.signature)
            .body(body);
        let body = send(call, request).await?;
        let code = serde_json::from_slice::<Envelope>(&body)
            .ok()
            .map(|envelope| envelope.code);
        Ok(Answer { body, code })
    }

    async fn token(&self) -> Result<SecretString, ApiError> {
        let mut held = self.token.lock().await;
        if let Some(token) = &*held
            && self.clock.now() < token.renew_at
        {
            return Ok(token.value.clone());
        }
        let token = self.fetch_token().await?;
        let value = token.value.clone();
        *held = Some(token);
        Ok(value)
    }

    async fn fetch_token(&self) -> Result<Token, ApiError> {
        #[derive(Deserialize)]
        struct TokenAnswer {
            access_token: String,
            expires_in: u32,
        }

        let call = "token/get";
        let body = json!({
            "app_id": self.app_id,
            "app_secret": self.app_secret.expose_secret(),
            "grant_type": "client_credentials",
        });
        let request = self
            .http
            .post(self.url_of(call)?)
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        let asked_at = self.clock.now();
        let body = send(call, request).await?;
        let Ok(answer) = serde_json::from_slice::<TokenAnswer>(&body) else {
            let refusal = serde_json::from_slice::<Envelope>(&body);
            return Err(ApiError::NoToken(refusal.map_or_else(
                |_| "the answer is none of a broker's".to_owned(),
                |envelope| format!("{} {}", envelope.code, envelope.message),
            )));
        };
        Ok(Token {
            value: answer.access_token.into(),
            renew_at: asked_at + Duration::from_secs(u64::from(answer.expires_in) / 2),
        })
    }

    fn url_of(&self, call: &str) -> Result<Url, ApiError> {
        let mut url = self.broker.clone();
        let Ok(mut path) = url.path_segments_mut() else {
            return Err(ApiError::Url(self.broker.clone()));
        };
        path.pop_if_empty().push("v1").extend(call.split('/'));
        drop(path);
        Ok(url)
    }
}

/// The part of every answer that clients branch on.
#[derive(Deserialize)]
struct Envelope {
    code: u32,
    message: String,
}

async fn send(call: &str, request: reqwest::RequestBuilder) -> Result<Bytes, ApiError> {
    let received = async { request.send().await?.bytes().await };
    received.await.map_err(|source| ApiError::NoAnswer {
        call: call.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_lie_below_v1_wherever_the_broker_lives() {
        for (broker, url) in [
            ("http://127.0.0.1:1", "http://127.0.0.1:1/v1/store/auth"),
            (
                "https://pay.example/grants/",
                "https://pay.example/grants/v1/store/auth",
            ),
            (
                "https://pay.example/grants",
                "https://pay.example/grants/v1/store/auth",
            ),
        ] {
            let client = ApiClient::new(
                http_client().unwrap(),
                broker.parse().unwrap(),
                "app",
                "secret".into(),
                Arc::new(broker::SystemClock),
            );
            assert_eq!(client.url_of("store/auth").unwrap().as_str(), url);
        }
    }
}
