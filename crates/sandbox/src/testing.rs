//! What the tests of several modules start from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use actix_web::App;
use actix_web::http::header::LOCATION;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use chrono::DateTime;
use serde_json::Value;
use url::Url;

use crate::{AppRegistration, Dialect, Rule, Sandbox, SandboxOptions, Shop};

pub(crate) const CLIENT_ID: &str = "client-1";
pub(crate) const CLIENT_SECRET: &str = "made-up-secret-1";
pub(crate) const REDIRECT_URI: &str = "https://app.example/callback";
pub(crate) const NOW_MS: i64 = 1_700_000_000_000;

pub(crate) fn shop(label: &str) -> Shop {
    label.parse().unwrap()
}

pub(crate) fn app(dialect: Dialect) -> AppRegistration {
    AppRegistration {
        dialect,
        client_id: CLIENT_ID.to_owned(),
        client_secret: CLIENT_SECRET.into(),
        redirect_uris: vec![REDIRECT_URI.to_owned()],
        name: "Paper & <Clip>".to_owned(),
    }
}

/// A sandbox whose clock stands still and whose random bytes count upwards,
/// with one app in each dialect that has any.
pub(crate) fn sandbox() -> Sandbox {
    let count = AtomicU8::new(0);
    let sandbox = Sandbox::new(SandboxOptions {
        now: Arc::new(|| DateTime::from_timestamp_millis(NOW_MS).unwrap()),
        random: Arc::new(move |bytes| bytes.fill(count.fetch_add(1, Ordering::Relaxed))),
    });
    sandbox.register_app(app(Dialect::Shopline));
    sandbox.register_app(app(Dialect::Genstore));
    sandbox.register_app(app(Dialect::Cafe24));
    sandbox.register_app(app(Dialect::Multivende));
    sandbox
}

/// Adds a one-shot rule, written as its `step` and `fault` in JSON.
pub(crate) fn script(sandbox: &Sandbox, dialect: Dialect, step: &str, fault: &str) {
    let dialect = serde_json::to_string(&dialect).unwrap();
    let json = format!(r#"{{"dialect":{dialect},"step":"{step}","fault":{fault}}}"#);
    let rule: Rule = serde_json::from_str(&json).unwrap();
    sandbox.script(rule).unwrap();
}

/// The value of a query parameter that occurs at most once.
pub(crate) fn parameter(url: &str, key: &str) -> Option<String> {
    let url = Url::parse(url).unwrap();
    let mut values = url.query_pairs().filter(|(name, _)| name == key);
    let value = values.next().map(|(_, value)| value.into_owned());
    assert!(values.next().is_none(), "{key} occurs twice");
    value
}

/// A whole HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> (u16, Value) {
        (self.status, serde_json::from_str(&self.body).unwrap())
    }
}

pub(crate) async fn call(sandbox: &Sandbox, request: TestRequest) -> Answer {
    let service = init_service(App::new().configure(crate::routes(sandbox.clone()))).await;
    let response = call_service(&service, request.to_request()).await;
    let status = response.status().as_u16();
    let location = response.headers().get(LOCATION);
    let location = location.map(|value| value.to_str().unwrap().to_owned());
    let body = String::from_utf8(read_body(response).await.to_vec()).unwrap();
    Answer {
        status,
        location,
        body,
    }
}

/// Sends the consent page's form, as a browser would.
pub(crate) async fn decide(sandbox: &Sandbox, page: &str, decision: &str) -> Answer {
    let form = TestRequest::post()
        .uri(page)
        .set_form([("decision", decision)]);
    call(sandbox, form).await
}

/// Approves, and hands back the callback.
pub(crate) async fn approve(sandbox: &Sandbox, page: &str) -> String {
    let answer = decide(sandbox, page, "approve").await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.location.unwrap()
}

/// Whether the URL's last parameter signs all the others with the secret of [`app`].
pub(crate) fn is_rightly_signed(url: &str, signature_name: &str) -> bool {
    let (_, query) = url.split_once('?').unwrap();
    let signature = crate::signature::sign_query(CLIENT_SECRET, query, signature_name);
    url.ends_with(&format!("&{signature_name}={signature}"))
}

pub(crate) fn outcomes(sandbox: &Sandbox) -> Vec<&'static str> {
    sandbox.calls().iter().map(|call| call.outcome).collect()
}
