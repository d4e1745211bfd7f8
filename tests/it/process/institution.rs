//! An institution that integrates with a broker in another process, by the clock on the wall.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use broker::{Clock, SystemClock};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::Address;
use super::settings::PUBLIC_URL;
use crate::harness::{Answer, Signing};

/// Where sellers' browsers may be sent.
pub(super) const ORIGIN: &str = "https://pay.example";
/// Where they are sent.
pub(crate) const REDIRECT: &str = "https://pay.example/done?order=7";

/// The longest wait that a call may ask for.
const WAIT_SECONDS: u64 = 30;

pub(crate) struct Institution {
    pub(crate) app_id: String,
    pub(crate) secret: String,
    pub(crate) token: String,
    http: reqwest::Client,
    nonces: AtomicU64,
}

/// A store that was created.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) client_id: String,
    pub(crate) store_id: String,
}

impl Store {
    /// A call's fields, with the two ids by which every call names the store.
    pub(crate) fn with(&self, mut fields: Value) -> Value {
        fields["client_id"] = self.client_id.clone().into();
        fields["store_id"] = self.store_id.clone().into();
        fields
    }
}

/// A webhook endpoint with its secret.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) endpoint_id: String,
    pub(crate) secret: String,
}

impl Institution {
    /// An institution that has no token yet.
    pub(super) fn new(http: reqwest::Client, app_id: &str, secret: &str) -> Self {
        Self {
            app_id: app_id.to_owned(),
            secret: secret.to_owned(),
            token: String::new(),
            http,
            nonces: AtomicU64::new(0),
        }
    }

    pub(crate) async fn renew_token(&mut self, serve: &Address) {
        let answer = self.ask_token(serve, &self.secret).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let (_, body) = answer.whole();
        self.token = text(&body, "access_token");
    }

    pub(crate) async fn ask_token(&self, serve: &Address, secret: &str) -> Answer {
        let fields = json!({"app_id": self.app_id, "app_secret": secret, "grant_type": "client_credentials"});
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        self.post(serve, "/v1/token/get", headers, fields.to_string())
            .await
    }

    /// A call to `/v1/…`, answered whole.
    pub(crate) async fn answer(&self, serve: &Address, call: &str, fields: &Value) -> Answer {
        self.send(serve, &self.signing(call, fields.to_string()))
            .await
    }

    /// A call that must do what it says, and its data.
    pub(crate) async fn data(&self, serve: &Address, call: &str, fields: &Value) -> Value {
        self.answer(serve, call, fields).await.data()
    }

    /// A call as it is signed by the book, for a test to spoil.
    pub(crate) fn signing(&self, call: &str, body: impl Into<Vec<u8>>) -> Signing {
        let path = format!("/v1/{call}");
        let nonce = self.nonces.fetch_add(1, Ordering::Relaxed);
        Signing {
            method: "POST".to_owned(),
            target_uri: format!("{PUBLIC_URL}{path}"),
            path,
            body: body.into(),
            authorization: self.token.clone(),
            idempotency_key: None,
            label: "sig".to_owned(),
            covered: vec!["@method", "@path", "content-digest", "authorization"],
            parameters: format!(
                ";created={};nonce=\"n-{nonce}\";keyid=\"{}\";alg=\"hmac-sha256\"",
                SystemClock.now().timestamp(),
                self.app_id
            ),
            secret: self.secret.clone(),
        }
    }

    pub(crate) async fn send(&self, serve: &Address, signing: &Signing) -> Answer {
        let headers = signing
            .headers()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        self.post(serve, &signing.path, headers, signing.body.clone())
            .await
    }

    /// A signed call, and its answer if the broker lives to give it.
    pub(crate) async fn try_send(&self, serve: &Address, signing: &Signing) -> Option<Answer> {
        let headers = signing.headers();
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        self.try_post(serve, &signing.path, headers, signing.body.clone())
            .await
    }

    pub(crate) async fn post(
        &self,
        serve: &Address,
        path: &str,
        headers: impl IntoIterator<Item = (String, String)>,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let answer = self.try_post(serve, path, headers, body).await;
        answer.expect("an answer")
    }

    async fn try_post(
        &self,
        serve: &Address,
        path: &str,
        headers: impl IntoIterator<Item = (String, String)>,
        body: impl Into<reqwest::Body>,
    ) -> Option<Answer> {
        let mut request = self.http.post(serve.url(path)).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Answer::try_of(request.send().await.ok()?).await
    }

    pub(crate) async fn client(&self, serve: &Address, partner_user_id: &str) -> String {
        let fields = json!({"partner_user_id": partner_user_id});
        let data = self.data(serve, "client/register", &fields).await;
        text(&data, "client_id")
    }

    pub(crate) async fn store(
        &self,
        serve: &Address,
        client_id: &str,
        platform: &str,
        store_url: &str,
    ) -> Store {
        let fields = json!({
            "client_id": client_id,
            "platform": platform,
            "store_url": store_url,
            "name": "Demo Shop",
            "category": "General Categories",
        });
        let data = self.data(serve, "store/create", &fields).await;
        Store {
            client_id: client_id.to_owned(),
            store_id: text(&data, "store_id"),
        }
    }

    /// Asks for the authorization of a store by URL, and returns the link.
    pub(crate) async fn link(&self, serve: &Address, store: &Store) -> String {
        let fields = store.with(json!({"auth_type": "URL", "redirect_url": REDIRECT}));
        let data = self.data(serve, "store/auth", &fields).await;
        text(&data, "auth_url")
    }

    /// The store as soon as its sequence is above `after`.
    pub(crate) async fn query_after(&self, serve: &Address, store: &Store, after: i64) -> Value {
        let fields = store.with(json!({"wait_seconds": WAIT_SECONDS, "after_sequence": after}));
        let snapshot = self.data(serve, "store/query", &fields).await;
        assert!(
            snapshot["sequence"].as_i64() > Some(after),
            "nothing came: {snapshot}"
        );
        snapshot
    }

    /// Every event of the feed, by the bytes in which it is written there, as soon as there are `count`.
    pub(crate) async fn events(&self, serve: &Address, count: usize) -> Vec<String> {
        let mut events: Vec<String> = Vec::new();
        let mut fields = json!({"limit": 100, "wait_seconds": WAIT_SECONDS});
        while events.len() < count {
            let answer = self.answer(serve, "event/list", &fields).await;
            answer.data();
            let page: HashMap<&str, &RawValue> = serde_json::from_str(&answer.text).unwrap();
            let page: HashMap<&str, &RawValue> = serde_json::from_str(page["data"].get()).unwrap();
            let new: Vec<&RawValue> = serde_json::from_str(page["events"].get()).unwrap();
            assert!(
                !new.is_empty(),
                "the feed ends after {} events of {count}, with {:?}",
                events.len(),
                events.last()
            );
            events.extend(new.into_iter().map(|event| event.get().to_owned()));
            fields["after"] = serde_json::from_str(page["next_cursor"].get()).unwrap();
        }
        events
    }

    /// A new webhook endpoint.
    pub(crate) async fn endpoint(&self, serve: &Address, url: &str) -> Endpoint {
        let data = self
            .data(serve, "webhook/create", &json!({"url": url}))
            .await;
        Endpoint {
            endpoint_id: text(&data, "endpoint_id"),
            secret: text(&data, "secret"),
        }
    }
}

/// Where a browser is sent with the outcome in this snapshot.
pub(crate) fn redirect_of(snapshot: &Value) -> String {
    let mut url = url::Url::parse(REDIRECT).unwrap();
    for name in [
        "client_id",
        "store_id",
        "seller_id",
        "auth_status",
        "auth_fail_reason",
    ] {
        let value = snapshot[name].as_str().unwrap_or_default();
        url.query_pairs_mut().append_pair(name, value);
    }
    url.into()
}

fn text(data: &Value, field: &str) -> String {
    data[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {data}"))
        .to_owned()
}
