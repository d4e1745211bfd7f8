//! An institution that integrates: its token, its signed calls, and the stores of its sellers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use broker::{Clock, ManualClock};
use serde_json::{Value, json};

use super::{Answer, PlatformCase, Signing, TestApp};

/// Where sellers' browsers may be sent.
pub(crate) const ORIGIN: &str = "https://pay.example";
/// Where they are sent.
pub(crate) const REDIRECT: &str = "https://pay.example/done?order=7";

/// Clones are the same institution.
#[derive(Clone)]
pub(crate) struct Institution {
    pub(crate) app_id: String,
    pub(crate) secret: String,
    pub(crate) token: String,
    base_url: String,
    http: reqwest::Client,
    clock: Arc<ManualClock>,
    nonces: Arc<AtomicU64>,
}

/// A store that was created.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_field_names,
    reason = "they are called as the fields of the calls are"
)]
pub(crate) struct Store {
    pub(crate) client_id: String,
    pub(crate) store_id: String,
    /// By which a link is asked for, where the store's URL does not name the shop.
    pub(crate) seller_id: Option<String>,
}

impl Store {
    /// The two fields by which every call names it.
    pub(crate) fn ids(&self) -> Value {
        json!({"client_id": self.client_id, "store_id": self.store_id})
    }

    /// A call's fields, with the two ids among them.
    pub(crate) fn with(&self, mut fields: Value) -> Value {
        fields["client_id"] = self.client_id.clone().into();
        fields["store_id"] = self.store_id.clone().into();
        fields
    }
}

/// A webhook endpoint with its secret.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) url: String,
}

impl Institution {
    /// An institution with a token.
    pub(crate) async fn enter(app: &TestApp, app_id: &str, secret: &str) -> Self {
        let mut institution = Self {
            app_id: app_id.to_owned(),
            secret: secret.to_owned(),
            token: String::new(),
            base_url: app.base_url.clone(),
            http: app.http.clone(),
            clock: Arc::clone(&app.surroundings.clock),
            nonces: Arc::default(),
        };
        institution.renew_token().await;
        institution
    }

    pub(crate) async fn renew_token(&mut self) {
        let answer = self.ask_token(&self.app_id, &self.secret).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let (_, body) = answer.whole();
        let token = body["access_token"].as_str().expect("a token");
        token.clone_into(&mut self.token);
    }

    pub(crate) async fn ask_token(&self, app_id: &str, secret: &str) -> Answer {
        let body =
            json!({"app_id": app_id, "app_secret": secret, "grant_type": "client_credentials"});
        let headers = vec![("content-type", "application/json".to_owned())];
        self.post("/v1/token/get", headers, body.to_string().into_bytes())
            .await
    }

    /// A call to `/v1/…`, answered whole.
    pub(crate) async fn call(&self, call: &str, fields: &Value) -> (u16, Value) {
        self.answer(call, fields).await.whole()
    }

    /// A call that must do what it says, and its data.
    pub(crate) async fn data(&self, call: &str, fields: &Value) -> Value {
        self.answer(call, fields).await.data()
    }

    pub(crate) async fn answer(&self, call: &str, fields: &Value) -> Answer {
        self.send(&self.signing(call, fields.to_string())).await
    }

    /// The same call with an `Idempotency-Key`.
    pub(crate) async fn answer_once(&self, call: &str, fields: &Value, key: &str) -> Answer {
        let mut signing = self.signing(call, fields.to_string());
        signing.idempotency_key = Some(key.to_owned());
        signing.covered.push("idempotency-key");
        self.send(&signing).await
    }

    /// A call as it is signed by the book, for a test to spoil.
    pub(crate) fn signing(&self, call: &str, body: impl Into<Vec<u8>>) -> Signing {
        let path = if call.starts_with('/') {
            call.to_owned()
        } else {
            format!("/v1/{call}")
        };
        Signing {
            method: "POST".to_owned(),
            target_uri: format!("{}{path}", self.base_url),
            path,
            body: body.into(),
            authorization: self.token.clone(),
            idempotency_key: None,
            label: "sig".to_owned(),
            covered: vec!["@method", "@path", "content-digest", "authorization"],
            parameters: self.parameters(self.clock.now().timestamp(), &self.nonce()),
            secret: self.secret.clone(),
        }
    }

    pub(crate) fn parameters(&self, created: i64, nonce: &str) -> String {
        format!(
            ";created={created};nonce=\"{nonce}\";keyid=\"{}\";alg=\"hmac-sha256\"",
            self.app_id
        )
    }

    /// A nonce that was never used.
    pub(crate) fn nonce(&self) -> String {
        format!("n-{}", self.nonces.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) async fn send(&self, signing: &Signing) -> Answer {
        self.post(&signing.path, signing.headers(), signing.body.clone())
            .await
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Answer {
        let mut request = self
            .http
            .post(format!("{}{path}", self.base_url))
            .body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn client(&self, partner_user_id: &str) -> String {
        let fields = json!({"partner_user_id": partner_user_id});
        let data = self.data("client/register", &fields).await;
        data["client_id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn create(&self, client_id: &str, platform: &str, store_url: &str) -> Store {
        let fields = json!({
            "client_id": client_id,
            "platform": platform,
            "store_url": store_url,
            "name": "Demo Shop",
            "category": "General Categories",
        });
        let data = self.data("store/create", &fields).await;
        Store {
            client_id: client_id.to_owned(),
            store_id: data["store_id"].as_str().unwrap().to_owned(),
            seller_id: None,
        }
    }

    /// A store of a new seller for this shop.
    pub(crate) async fn store(&self, case: &PlatformCase, shop: &str) -> Store {
        let client_id = self.client(&format!("seller-{}", self.nonce())).await;
        let store_url = case.store_url(shop);
        let store = self.create(&client_id, case.code, &store_url);
        Store {
            seller_id: case.seller_id(shop),
            ..store.await
        }
    }

    /// Asks for the authorization of a store by URL, and returns the link.
    pub(crate) async fn link(&self, store: &Store) -> String {
        let mut fields = store.with(json!({"auth_type": "URL", "redirect_url": REDIRECT}));
        if let Some(seller_id) = &store.seller_id {
            fields["seller_id"] = seller_id.as_str().into();
        }
        let data = self.data("store/auth", &fields).await;
        data["auth_url"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn query(&self, store: &Store) -> Value {
        self.data("store/query", &store.ids()).await
    }

    /// The status, and the reason where there is one.
    pub(crate) async fn status(&self, store: &Store) -> (String, String) {
        let snapshot = self.query(store).await;
        let text = |name: &str| snapshot[name].as_str().unwrap().to_owned();
        (text("auth_status"), text("auth_fail_reason"))
    }

    /// A webhook endpoint that has had its test event.
    pub(crate) async fn endpoint(
        &self,
        app: &TestApp,
        path: &str,
        event_types: &[&str],
    ) -> Endpoint {
        let url = app.receiver.url(path);
        let fields = json!({"url": url, "event_types": event_types});
        let data = self.data("webhook/create", &fields).await;
        let endpoint = Endpoint {
            id: data["endpoint_id"].as_str().unwrap().to_owned(),
            secret: data["secret"].as_str().unwrap().to_owned(),
            url,
        };
        app.settle().await;
        let test = app.receiver.take_one();
        assert_eq!(test.path, path);
        assert_eq!(test.verified(&endpoint.secret)["type"], "endpoint.test");
        endpoint
    }
}
