//! Session tokens of an app inside of Genstore's own pages, exchanged at the host of the store's shop.

mod beside;
mod crash;
mod one_exchange;
mod under_way;

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sandbox::{Dialect, Fault, Rule, ShopUser, Step};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::{
    Endpoint, GENSTORE, HeldAnswer, Institution, SHOPLINE, Store, TestApp, ok, refused,
};

on_both!(
    // The rows of the tables of "token exchange".
    client_id_is_the_audience_of_the_session_token,
    client_secret_signs_the_session_token,
    grant_type_is_token_exchange,
    subject_token_is_the_session_s,
    requested_token_type_is_offline_by_default,
    the_answer_of_an_online_token,
    the_answer_of_an_offline_token,
    // What follows from them.
    an_offline_session_authorizes_a_store_in_every_state_but_success,
    every_channel_tells_what_a_session_authorized,
    the_same_offline_token_is_no_conflict_with_its_own_store,
    a_shop_that_another_store_holds_is_refused,
    a_shop_that_is_not_proven_is_not_bound,
    a_launch_proves_the_shop_where_the_app_may_not_ask,
    a_session_token_is_checked_before_anything_is_begun,
    what_the_platform_refuses_fails_the_store,
    an_exchange_that_was_cut_off_is_told,
    an_online_token_needs_a_permission_and_a_grant,
    an_online_token_replaces_nothing_and_dies_with_the_grant,
    an_online_token_ends_by_itself_and_is_forgotten,
    an_online_token_that_is_not_given_is_told,
);

const EVERYTHING: [&str; 3] = ["read_orders", "read_shops", "write_apps"];

fn user() -> ShopUser {
    ShopUser {
        id: 1_818_181_818,
        email: "user@example.com".to_owned(),
    }
}

fn mint(app: &TestApp, shop: &str, scopes: &[&str]) -> String {
    let scopes: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
    let token = app
        .sandbox
        .session_token(&shop.parse().unwrap(), None, user(), &scopes);
    token.unwrap().expose_secret().to_owned()
}

fn offline(store: &Store, token: &str) -> Value {
    store.with(json!({"session_token": token}))
}

fn online(store: &Store, token: &str) -> Value {
    store.with(json!({"session_token": token, "access": "online"}))
}

fn authorized() -> (u16, Value) {
    ok(json!({"auth_status": "SUCCESS", "auth_fail_reason": ""}))
}

fn failed(reason: &str) -> (u16, Value) {
    ok(json!({"auth_status": "FAILED", "auth_fail_reason": reason}))
}

fn script(app: &TestApp, step: Step, fault: Fault) {
    let rule = Rule {
        dialect: Dialect::Genstore,
        shop: None,
        step,
        fault,
        sticky: false,
    };
    app.sandbox.script(rule).unwrap();
}

fn hold_token(app: &TestApp) -> HeldAnswer {
    HeldAnswer::of(&app.sandbox, Dialect::Genstore, Step::Token)
}

/// How many signed calls have been taken; the nonce of one is kept as it begins, or together with what it
/// decides.
const TAKEN: &str = "SELECT COUNT(*) FROM nonces";

fn exchanges(app: &TestApp) -> usize {
    let calls = app.sandbox.calls();
    let of_tokens = calls
        .iter()
        .filter(|call| call.path.ends_with("/oauth2/token"));
    of_tokens.count()
}

fn last_outcome_of_a_token_call(app: &TestApp) -> &'static str {
    let calls = app.sandbox.calls();
    let mut of_tokens = calls.iter().rev();
    of_tokens
        .find(|call| call.path.ends_with("/oauth2/token"))
        .unwrap()
        .outcome
}

/// A token that an institution made up, or had made for another app.
fn signed(secret: &str, claims: &Value) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let text = format!(
        "{header}.{}",
        BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let mac = mac.chain_update(&text).finalize().into_bytes();
    format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac))
}

fn claims(app: &TestApp) -> Value {
    let now = app.now().timestamp();
    json!({"aud": GENSTORE.client_id, "sub": "22", "exp": now + 60, "iat": now, "nbf": now, "sid": "sid-1"})
}

async fn entered(app: &TestApp) -> (Institution, Endpoint, Store) {
    let alpha = app.trusted("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    (alpha, endpoint, store)
}

async fn client_id_is_the_audience_of_the_session_token(app: &TestApp) {
    let (alpha, _, store) = entered(app).await;
    let mut others = claims(app);
    others["aud"] = "another-app".into();
    let token = signed(GENSTORE.secret, &others);
    let refusal = refused(900_002, "session_token is for another app");
    let asked = alpha.call("store/session", &offline(&store, &token)).await;
    assert_eq!(asked, refusal);
    assert_eq!(exchanges(app), 0);
}

async fn client_secret_signs_the_session_token(app: &TestApp) {
    let (alpha, _, store) = entered(app).await;
    let token = signed("another secret", &claims(app));
    let refusal = refused(900_002, "session_token is not signed for this app");
    let asked = alpha.call("store/session", &offline(&store, &token)).await;
    assert_eq!(asked, refusal);
    assert_eq!(exchanges(app), 0);
}

/// The platform takes no other grant with a subject token, and says what it gave.
async fn grant_type_is_token_exchange(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let token = mint(app, "demo-shop", &EVERYTHING);
    let asked = alpha.call("store/session", &offline(&store, &token)).await;
    assert_eq!(asked, authorized());
    assert_eq!(last_outcome_of_a_token_call(app), "offline token granted");
    app.told(&alpha, &endpoint, &store, None).await;
}

async fn subject_token_is_the_session_s(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    // It is rightly signed, and of a session of another shop.
    let token = mint(app, "other-shop", &EVERYTHING);
    let asked = alpha.call("store/session", &offline(&store, &token)).await;
    assert_eq!(asked, failed("PLATFORM_REJECTED"));
    assert_eq!(last_outcome_of_a_token_call(app), "refused: session token");
    let told = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(told["type"], "store.auth.failed");
}

async fn requested_token_type_is_offline_by_default(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let token = mint(app, "demo-shop", &EVERYTHING);
    let fields = store.with(json!({"session_token": token, "access": "offline"}));
    assert_eq!(alpha.call("store/session", &fields).await, authorized());
    app.told(&alpha, &endpoint, &store, None).await;
    let given = alpha.data("store/session", &online(&store, &token)).await;
    assert!(given["access_token"].is_string());
    assert_eq!(last_outcome_of_a_token_call(app), "online token granted");
    let wrong = store.with(json!({"session_token": token, "access": "both"}));
    let refusal = refused(900_002, "access must be online or offline");
    assert_eq!(alpha.call("store/session", &wrong).await, refusal);
}

/// `accessToken`, `scope`, `expiresIn` and `associatedUser`.
async fn the_answer_of_an_online_token(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let token = mint(app, "demo-shop", &EVERYTHING);
    alpha.data("store/session", &offline(&store, &token)).await;
    app.told(&alpha, &endpoint, &store, None).await;
    let answer = alpha.answer("store/session", &online(&store, &token)).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let given = answer.data();
    let end = app.now() + Duration::from_secs(86_399);
    let snapshot = alpha.query(&store).await;
    assert_eq!(
        given,
        json!({
            "access_token": given["access_token"],
            "expires_at": end.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            "scopes": snapshot["scopes"],
            "associated_user": {"id": "1818181818", "email": "user@example.com"},
        })
    );
    assert!(app.has_issued(given["access_token"].as_str().unwrap()));
    let kept = "SELECT COUNT(*) FROM online_tokens WHERE user_id = '1818181818'";
    assert_eq!(app.database.number(kept).await, 1);
    assert_eq!(app.requests("HANDED_OUT").await, 1);
}

/// `accessToken` and `scope`, and neither leaves.
async fn the_answer_of_an_offline_token(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let token = mint(app, "demo-shop", &EVERYTHING);
    let asked = alpha.call("store/session", &offline(&store, &token)).await;
    assert_eq!(asked, authorized());
    let told = app.told(&alpha, &endpoint, &store, None).await;
    let names: Vec<_> = told["data"]["scopes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scope| scope["name"].clone())
        .collect();
    assert_eq!(names, EVERYTHING);
    assert!(told["data"].get("expires_at").is_none());
    assert_eq!(app.requests("HANDED_OUT").await, 0);
}

async fn an_offline_session_authorizes_a_store_in_every_state_but_success(app: &TestApp) {
    let (alpha, endpoint, _) = entered(app).await;
    for state in ["UNAUTHORIZED", "PROCESSING", "FAILED"] {
        let store = alpha.store(&GENSTORE, state).await;
        let mut link = None;
        match state {
            "PROCESSING" => link = Some(alpha.link(&store).await),
            "FAILED" => {
                let token = mint(app, state, &["read_shops"]);
                let asked = alpha.call("store/session", &offline(&store, &token)).await;
                assert_eq!(asked, failed("SCOPES_INSUFFICIENT"));
                app.told(&alpha, &endpoint, &store, None).await;
            }
            _ => {}
        }
        assert_eq!(alpha.status(&store).await.0, state);
        let token = mint(app, state, &EVERYTHING);
        let asked = alpha.call("store/session", &offline(&store, &token)).await;
        assert_eq!(asked, authorized(), "{state}");
        app.told(&alpha, &endpoint, &store, None).await;
        // The link of before is dead.
        if let Some(link) = link {
            let callback = app.approve(&link).await;
            assert_eq!(app.visit(&callback).await.status, 400);
        }
        let again = alpha.call("store/session", &offline(&store, &token)).await;
        assert_eq!(again, refused(900_004, "repeat authorized"));
    }
}

async fn every_channel_tells_what_a_session_authorized(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let token = mint(app, "demo-shop", &EVERYTHING);
    alpha.data("store/session", &offline(&store, &token)).await;
    let told = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(told["type"], "store.auth.succeeded");
    let data = &told["data"];
    assert_eq!(data["shop_identity"], GENSTORE.identity("demo-shop"));
    assert_eq!(data["seller_id"], "demo-shop");
    assert_eq!(data["auth_type"], "URL");
    assert_eq!(
        (&data["sequence"], &data["health"]),
        (&json!(1), &json!("HEALTHY"))
    );
}

/// Genstore gives the same token each time.
async fn the_same_offline_token_is_no_conflict_with_its_own_store(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let callback = app.approve(&alpha.link(&store).await).await;
    app.visit(&callback).await;
    app.told(&alpha, &endpoint, &store, None).await;
    // Something ended the grant here, and not there.
    app.sandbox
        .uninstall(Dialect::Genstore, &"demo-shop".parse().unwrap());
    let token = mint(app, "demo-shop", &EVERYTHING);
    let event = app
        .sandbox
        .event(
            Dialect::Genstore,
            &"demo-shop".parse().unwrap(),
            None,
            sandbox::Topic::Uninstalled,
        )
        .unwrap();
    let mut request = app
        .http
        .post(format!("{}{}", app.base_url, GENSTORE.events_path()));
    for (name, value) in &event.headers {
        request = request.header(*name, value);
    }
    assert_eq!(request.body(event.body).send().await.unwrap().status(), 200);
    app.told(&alpha, &endpoint, &store, None).await;
    for _ in 0..2 {
        let asked = alpha.call("store/session", &offline(&store, &token)).await;
        if asked == authorized() {
            app.told(&alpha, &endpoint, &store, None).await;
        } else {
            assert_eq!(asked, refused(900_004, "repeat authorized"));
        }
    }
    assert_eq!(alpha.status(&store).await.0, "SUCCESS");
}

async fn a_shop_that_another_store_holds_is_refused(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let token = mint(app, "demo-shop", &EVERYTHING);
    alpha.data("store/session", &offline(&store, &token)).await;
    app.told(&alpha, &endpoint, &store, None).await;
    let second = alpha.store(&GENSTORE, "demo-shop").await;
    let asked = alpha.call("store/session", &offline(&second, &token)).await;
    assert_eq!(asked, refused(900_003, "seller id already authorized"));
    // Another institution's claim shows only after proof.
    let beta = app.institution("Beta").await;
    let theirs = beta.store(&GENSTORE, "demo-shop").await;
    let asked = beta.call("store/session", &offline(&theirs, &token)).await;
    assert_eq!(asked, failed("SELLER_ALREADY_AUTHORIZED"));
    assert_eq!(alpha.status(&store).await.0, "SUCCESS");
}

/// The answer to the exchange names no shop.
async fn a_shop_that_is_not_proven_is_not_bound(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let others = "other-shop".parse().unwrap();
    let token = mint(app, "demo-shop", &EVERYTHING);
    for (step, fault, reason) in [
        (
            Step::Token,
            Fault::WrongShopInToken(others),
            "SELLER_MISMATCH",
        ),
        (Step::Probe, Fault::ServerError, "PLATFORM_UNREACHABLE"),
        (Step::Probe, Fault::Garbage, "PLATFORM_UNREACHABLE"),
        (Step::Probe, Fault::Deny, "SELLER_MISMATCH"),
    ] {
        script(app, step, fault);
        let asked = alpha.call("store/session", &offline(&store, &token)).await;
        assert_eq!(asked, failed(reason));
        let told = app.told(&alpha, &endpoint, &store, None).await;
        assert!(told["data"].get("shop_identity").is_none());
    }
    let token = mint(app, "demo-shop", &["read_orders"]);
    let asked = alpha.call("store/session", &offline(&store, &token)).await;
    assert_eq!(asked, failed("SCOPES_INSUFFICIENT"));
    app.told(&alpha, &endpoint, &store, None).await;
    let held = "SELECT COUNT(*) FROM claims";
    assert_eq!(app.database.number(held).await, 0);
}

async fn a_launch_proves_the_shop_where_the_app_may_not_ask(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let url = format!("{}{}", app.base_url, GENSTORE.launch_path());
    let shop = "demo-shop".parse().unwrap();
    let launch = app
        .sandbox
        .launch(Dialect::Genstore, &shop, None, &url)
        .unwrap();
    assert_eq!(app.visit(&launch).await.status, 200);
    let token = mint(app, "demo-shop", &["read_orders"]);
    let asked = alpha.call("store/session", &offline(&store, &token)).await;
    assert_eq!(asked, authorized());
    let told = app.told(&alpha, &endpoint, &store, None).await;
    let identity = GENSTORE.identity("demo-shop");
    assert_eq!(told["data"]["shop_identity"], identity);
}

async fn a_session_token_is_checked_before_anything_is_begun(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let link = alpha.link(&store).await;
    let before = alpha.query(&store).await;
    let with = |name: &str, value: i64| {
        let mut claims = claims(app);
        claims[name] = value.into();
        signed(GENSTORE.secret, &claims)
    };
    let now = app.now().timestamp();
    for (token, problem) in [
        (with("exp", now), "has expired"),
        (with("nbf", now + 1), "does not count yet"),
    ] {
        let refusal = refused(900_002, &format!("session_token {problem}"));
        let asked = alpha.call("store/session", &offline(&store, &token)).await;
        assert_eq!(asked, refusal);
    }
    let shopline = alpha.store(&SHOPLINE, "demo-shop").await;
    let refusal = refused(
        900_002,
        "store_id is of SHOPLINE, which has no session tokens",
    );
    let asked = alpha
        .call("store/session", &offline(&shopline, "sid-1"))
        .await;
    assert_eq!(asked, refusal);
    let unknown = json!({"client_id": "cl_1", "store_id": "st_1", "session_token": "sid-1"});
    let asked = alpha.call("store/session", &unknown).await;
    assert_eq!(asked, refused(940_002, "store not exist"));
    assert_eq!(alpha.query(&store).await, before);
    assert_eq!(exchanges(app), 0);
    // The link is as good as it was.
    let callback = app.approve(&link).await;
    let shown = app.visit(&callback).await;
    let redirect = shown.header("location");
    app.told(&alpha, &endpoint, &store, redirect).await;
}

async fn what_the_platform_refuses_fails_the_store(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let token = mint(app, "demo-shop", &EVERYTHING);
    for (fault, reason) in [
        (Fault::Deny, "PLATFORM_REJECTED"),
        (Fault::ServerError, "PLATFORM_UNREACHABLE"),
        (Fault::TooManyRequests, "PLATFORM_UNREACHABLE"),
        (Fault::Garbage, "PLATFORM_UNREACHABLE"),
        (Fault::OkWithError, "PLATFORM_REJECTED"),
        (
            Fault::FewerScopes(vec!["read_shops".to_owned()]),
            "SCOPES_INSUFFICIENT",
        ),
    ] {
        script(app, Step::Token, fault.clone());
        let asked = alpha.call("store/session", &offline(&store, &token)).await;
        assert_eq!(asked, failed(reason), "{fault:?}");
        let told = app.told(&alpha, &endpoint, &store, None).await;
        assert_eq!(told["data"]["fail"]["reason"], reason);
    }
    // What is no signed token is for the platform to judge.
    let asked = alpha.call("store/session", &offline(&store, "sid-1")).await;
    assert_eq!(asked, failed("PLATFORM_REJECTED"));
    app.told(&alpha, &endpoint, &store, None).await;
}

/// As after a crash: nobody holds on to the attempt any more, and its session token may be spent.
async fn an_exchange_that_was_cut_off_is_told(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let token = mint(app, "demo-shop", &EVERYTHING);
    script(app, Step::Token, Fault::NoAnswer);
    let (institution, fields) = (alpha.clone(), offline(&store, &token));
    let call = app
        .tasks
        .spawn(async move { institution.call("store/session", &fields).await });
    let begun = "SELECT COUNT(*) FROM authorizations WHERE status = 'EXCHANGING'";
    let mut waited = Duration::ZERO;
    while app.database.number(begun).await == 0 {
        assert!(waited < crate::harness::PATIENCE);
        crate::harness::let_pass(Duration::from_millis(50)).await;
        waited += Duration::from_millis(50);
    }
    // Its holder cannot extend it any more, as if it were dead.
    let dead =
        "UPDATE authorizations SET lease_until = 0, lease_id = id WHERE status = 'EXCHANGING'";
    app.database.execute(dead).await;
    app.process.broker.deadline_step().await.unwrap();
    let told = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(told["data"]["auth_fail_reason"], "INTERRUPTED");
    // What the dead one brings commits nothing, and its caller is told what was.
    assert_eq!(call.await.unwrap(), failed("INTERRUPTED"));
    assert_eq!(alpha.query(&store).await["sequence"], 1);
}

async fn an_online_token_needs_a_permission_and_a_grant(app: &TestApp) {
    let (alpha, _, store) = entered(app).await;
    let token = mint(app, "demo-shop", &EVERYTHING);
    let message = "store_id is not authorized: it is UNAUTHORIZED";
    let asked = alpha.call("store/session", &online(&store, &token)).await;
    assert_eq!(asked, refused(900_002, message));
    let beta = app.institution("Beta").await;
    let theirs = beta.store(&GENSTORE, "demo-shop").await;
    let asked = beta.call("store/session", &online(&theirs, &token)).await;
    let message = "Forbidden: the institution may not have credentials";
    assert_eq!(asked, refused(403, message));
    assert_eq!(exchanges(app), 0);
    assert_eq!(app.requests("NOT_AUTHORIZED").await, 1);
    assert_eq!(app.requests("FORBIDDEN").await, 1);
    // To authorize the store it needs none.
    let asked = beta.call("store/session", &offline(&theirs, &token)).await;
    assert_eq!(asked, authorized());
    assert_eq!(alpha.status(&store).await.0, "UNAUTHORIZED");
}

async fn an_online_token_replaces_nothing_and_dies_with_the_grant(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let session = mint(app, "demo-shop", &EVERYTHING);
    alpha
        .data("store/session", &offline(&store, &session))
        .await;
    app.told(&alpha, &endpoint, &store, None).await;
    let before = alpha.query(&store).await;
    let grant = alpha.data("credential/get", &store.ids()).await;
    let given = alpha.data("store/session", &online(&store, &session)).await;
    assert_ne!(given["access_token"], grant["access_token"]);
    // An answer that was lost on its way is given again, and the session token spent once.
    let calls = exchanges(app);
    let again = alpha.data("store/session", &online(&store, &session)).await;
    assert_eq!((again, exchanges(app)), (given.clone(), calls));
    // Another session of the same user has its own, and takes the place.
    let next = mint(app, "demo-shop", &EVERYTHING);
    let newer = alpha.data("store/session", &online(&store, &next)).await;
    assert_ne!(newer["access_token"], given["access_token"]);
    let kept = "SELECT COUNT(*) FROM online_tokens";
    assert_eq!(app.database.number(kept).await, 1);
    assert_eq!(alpha.query(&store).await, before);
    let unchanged = alpha.data("credential/get", &store.ids()).await;
    assert_eq!(unchanged, grant);

    alpha.data("store/unbind", &store.ids()).await;
    assert_eq!(app.database.number(kept).await, 0);
    app.settle().await;
    let told = app.receiver.take_one().verified(&endpoint.secret);
    assert_eq!(told["type"], "store.unbound");
}

async fn an_online_token_ends_by_itself_and_is_forgotten(app: &TestApp) {
    let (mut alpha, endpoint, store) = entered(app).await;
    let session = mint(app, "demo-shop", &EVERYTHING);
    alpha
        .data("store/session", &offline(&store, &session))
        .await;
    app.told(&alpha, &endpoint, &store, None).await;
    alpha.data("store/session", &online(&store, &session)).await;
    app.advance(Duration::from_secs(86_399));
    alpha.renew_token().await;
    let refusal = refused(900_002, "session_token has expired");
    let asked = alpha.call("store/session", &online(&store, &session)).await;
    assert_eq!(asked, refusal);
    app.process.broker.retention_step().await.unwrap();
    let kept = "SELECT COUNT(*) FROM online_tokens";
    assert_eq!(app.database.number(kept).await, 0);
}

async fn an_online_token_that_is_not_given_is_told(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let session = mint(app, "demo-shop", &EVERYTHING);
    alpha
        .data("store/session", &offline(&store, &session))
        .await;
    app.told(&alpha, &endpoint, &store, None).await;
    let before = alpha.query(&store).await;
    for (fault, reason, wait) in [
        (Fault::Deny, "PLATFORM_REJECTED", None),
        (Fault::ServerError, "PLATFORM_UNREACHABLE", Some("5")),
        (
            Fault::WrongShopInToken("other-shop".parse().unwrap()),
            "SELLER_MISMATCH",
            None,
        ),
    ] {
        script(app, Step::Token, fault);
        let answer = alpha
            .answer("store/session", &online(&store, &session))
            .await;
        assert_eq!(answer.header("retry-after"), wait);
        let message = format!("session_token was not exchanged: {reason}");
        assert_eq!(answer.whole(), refused(900_002, &message));
    }
    // The user has logged out.
    app.sandbox.end_sessions(&"demo-shop".parse().unwrap());
    let message = "session_token was not exchanged: PLATFORM_REJECTED";
    let asked = alpha.call("store/session", &online(&store, &session)).await;
    assert_eq!(asked, refused(900_002, message));
    assert_eq!(alpha.query(&store).await, before);
    assert_eq!(app.requests("SESSION_REFUSED").await, 3);
    assert_eq!(app.requests("UNAVAILABLE").await, 1);
}
