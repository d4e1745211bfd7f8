//! One suite over every dialect: whatever a platform says or fails to say, the same comes out of it, and is
//! told alike on every channel.

mod callback;
mod key;
mod label;
mod refresh;
mod token;

use std::time::Duration;

use sandbox::{Fault, Rule, Step};
use serde_json::{Value, json};

use crate::harness::{
    CAFE24, Decision, Endpoint, GENSTORE, Institution, MULTIVENDE, PlatformCase, SHOPLINE,
    SHOPLINE_EU, Store, TestApp,
};

on_both!(every_platform_is_in_the_suite);

/// Every platform that is authorized by URL.
const BY_URL: [PlatformCase; 5] = [SHOPLINE, SHOPLINE_EU, GENSTORE, CAFE24, MULTIVENDE];

/// Every platform that takes a key.
const BY_KEY: [&str; 2] = ["SHOPIFY", "WOOCOMMERCE"];

/// One store of one institution, up to the moment at which the seller follows the link.
struct Stage<'a> {
    app: &'a TestApp,
    case: PlatformCase,
    institution: Institution,
    endpoint: Endpoint,
    store: Store,
}

impl<'a> Stage<'a> {
    async fn set(app: &'a TestApp, case: PlatformCase) -> Self {
        let institution = app.institution("Alpha").await;
        // On the one page that does not name its shop.
        app.sandbox.sign_in(shop_of(&case).parse().unwrap());
        Self {
            endpoint: institution.endpoint(app, "/alpha", &[]).await,
            store: institution.store(&case, &shop_of(&case)).await,
            app,
            case,
            institution,
        }
    }

    /// The next time, the platform does this.
    fn script(&self, step: Step, fault: Fault) {
        let rule = Rule {
            dialect: self.case.dialect,
            shop: None,
            step,
            fault,
            sticky: false,
        };
        self.app.sandbox.script(rule).unwrap();
    }

    /// The callback to which the platform sends the seller who decided.
    async fn decide(&self, decision: Decision) -> String {
        let auth_url = self.institution.link(&self.store).await;
        self.app.decide(&auth_url, decision).await
    }

    /// What was told after the seller's browser came back, the same on every channel.
    async fn come_back(&self, callback: &str) -> Value {
        let shown = self.app.visit(callback).await;
        assert_eq!(shown.status, 303, "{}: {}", self.case.code, shown.text);
        let location = shown.header("location");
        self.told(location).await
    }

    async fn told(&self, location: Option<&str>) -> Value {
        self.app
            .told(&self.institution, &self.endpoint, &self.store, location)
            .await
    }

    async fn authorize(&self) -> Value {
        let callback = self.decide(Decision::Approve).await;
        let event = self.come_back(&callback).await;
        assert_eq!(
            event["type"], "store.auth.succeeded",
            "{} {event}",
            self.case.code
        );
        event
    }

    /// The seller consents, and `reason` is what comes of the code, which is presented once and never
    /// again. Asking again works.
    async fn fails(self, reason: &str) {
        let asked = self.token_calls().len();
        let callback = self.decide(Decision::Approve).await;
        self.comes_back_failed(&callback, reason).await;
        assert_eq!(self.token_calls().len(), asked + 1, "{}", self.case.code);
        self.succeeds_next_time().await;
    }

    async fn comes_back_failed(&self, callback: &str, reason: &str) {
        let event = self.come_back(callback).await;
        assert_eq!(event["type"], "store.auth.failed", "{}", self.case.code);
        assert_eq!(event["data"]["auth_status"], "FAILED");
        assert_eq!(event["data"]["fail"], fail(reason), "{}", self.case.code);
    }

    async fn succeeds_next_time(self) {
        self.app.sandbox.clear_script();
        self.authorize().await;
        self.leave().await;
    }

    /// The next stage begins without this one's claim.
    async fn leave(mut self) {
        self.institution.renew_token().await;
        let ids = self.store.ids();
        self.institution.data("store/unbind", &ids).await;
        self.app.settle().await;
        let unbound = self.app.receiver.take_one().verified(&self.endpoint.secret);
        assert_eq!(unbound["type"], "store.unbound");
    }

    /// What the institution sees, however much later.
    async fn snapshot(&mut self) -> Value {
        self.institution.renew_token().await;
        self.institution.query(&self.store).await
    }

    /// Time goes by, and the workers do what is due.
    async fn wait(&self, time: Duration) {
        self.app.advance(time);
        self.app.settle().await;
    }

    /// What the platform made of the calls for a token so far.
    fn token_calls(&self) -> Vec<&'static str> {
        let calls = self.app.sandbox.calls();
        let tokens = calls.iter().filter(|call| call.path.contains("token"));
        tokens.map(|call| call.outcome).collect()
    }
}

/// A shop of the platform's own: both sites of SHOPLINE are one realm.
fn shop_of(case: &PlatformCase) -> String {
    case.code.to_lowercase().replace('_', "-")
}

/// What an event says of a failure: whose move it is, and whether to ask again.
fn fail(reason: &str) -> Value {
    let (who, retryable) = match reason {
        "USER_DENIED" | "SELLER_MISMATCH" | "SCOPES_INSUFFICIENT" => ("seller", true),
        "PLATFORM_REJECTED" | "PLATFORM_UNREACHABLE" => ("platform", true),
        "AUTH_INFO_INVALID" => ("institution", false),
        other => panic!("no platform leads to {other} here"),
    };
    json!({"reason": reason, "who": who, "retryable": retryable})
}

/// A platform that joins has to join here too.
async fn every_platform_is_in_the_suite(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let listed = alpha.data("platform/list", &json!({})).await;
    let mut offered = Vec::new();
    for platform in listed["platforms"].as_array().unwrap() {
        for auth_type in platform["auth_types"].as_array().unwrap() {
            offered.push((platform["code"].clone(), auth_type.clone()));
        }
    }
    let by_url = BY_URL.map(|case| (json!(case.code), json!("URL")));
    let by_key = BY_KEY.map(|code| (json!(code), json!("KEY")));
    let mut played: Vec<_> = by_url.into_iter().chain(by_key).collect();
    for list in [&mut offered, &mut played] {
        list.sort_by_key(|(code, auth_type)| format!("{code} {auth_type}"));
    }
    assert_eq!(offered, played);
}
