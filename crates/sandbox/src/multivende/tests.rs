use std::time::Duration;

use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::testing::{
    Answer, CLIENT_ID, CLIENT_SECRET, call, outcomes, parameter, sandbox, script, shop,
};

use super::*;

const PAGE: &str = "/multivende/apps/authorize?response_type=code&client_id=client-1\
    &redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&scope=read%3Acheckouts%2Cread%3Astocks\
    &state=n0nce";

async fn decide(sandbox: &Sandbox, form: &[(&str, &str)]) -> Answer {
    let request = TestRequest::post().uri(PAGE).set_form(form);
    call(sandbox, request).await
}

async fn approve(sandbox: &Sandbox, choices: &[(&str, &str)]) -> String {
    let mut form = vec![("decision", "approve")];
    form.extend_from_slice(choices);
    let answer = decide(sandbox, &form).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.location.unwrap()
}

async fn send(sandbox: &Sandbox, body: Value) -> (u16, Value) {
    let request = TestRequest::post()
        .uri("/multivende/oauth/access-token")
        .set_json(body);
    call(sandbox, request).await.json()
}

async fn exchange(sandbox: &Sandbox, callback: &str) -> (u16, Value) {
    let code = parameter(callback, "code").unwrap();
    let body = json!({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "grant_type": "authorization_code", "code": code});
    send(sandbox, body).await
}

async fn refresh(sandbox: &Sandbox, token: &Value) -> (u16, Value) {
    let body = json!({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "grant_type": "refresh_token", "refresh_token": token});
    send(sandbox, body).await
}

fn bad_grant() -> (u16, Value) {
    (400, json!({"error": "invalid_grant"}))
}

#[actix_web::test]
async fn a_consent_ends_in_a_pair_of_tokens_of_the_sample_s_shape() {
    let sandbox = sandbox();
    let shown = call(&sandbox, TestRequest::get().uri(PAGE)).await;
    assert_eq!(shown.status, 200);
    assert!(shown.body.contains("read:stocks"), "{}", shown.body);
    let callback = approve(&sandbox, &[]).await;
    assert!(callback.starts_with("https://app.example/callback?code=ac-"));
    assert_eq!(parameter(&callback, "state").as_deref(), Some("n0nce"));
    let (status, body) = exchange(&sandbox, &callback).await;
    assert_eq!(status, 200);
    assert_eq!(body["MerchantId"], shop("demo-shop").uuid());
    assert_eq!(body["status"], "created");
    assert_eq!(
        body["scopes"],
        json!({"read:checkouts": {"all": true}, "read:stocks": {"all": true}})
    );
    // 2023-11-14T22:13:20Z and six hours, or two days.
    assert_eq!(body["expiresAt"], "2023-11-15T04:13:20.000Z");
    assert_eq!(body["refreshTokenExpiresAt"], "2023-11-16T22:13:20.000Z");
    let issued = sandbox.issued();
    for name in ["token", "refreshToken"] {
        let told = body[name].as_str().unwrap();
        assert!(issued.iter().any(|known| known.expose_secret() == told));
    }
    assert_eq!(exchange(&sandbox, &callback).await, bad_grant());
}

#[actix_web::test]
async fn a_merchant_chooses_all_some_or_none_for_each_scope() {
    let sandbox = sandbox();
    let merchant = shop("0b7e6a52-6f0d-4c36-9a4e-3d1f5b8c2e70");
    let [first, second, third] = scopes::resources(&merchant, "read:stocks");
    let callback = approve(
        &sandbox,
        &[
            ("merchant", merchant.label()),
            ("read:stocks", "list"),
            ("resource:read:stocks", &second),
            ("resource:read:stocks", "somebody else's"),
            ("read:checkouts", "none"),
        ],
    )
    .await;
    let (_, body) = exchange(&sandbox, &callback).await;
    assert_eq!(body["MerchantId"], merchant.label());
    assert_eq!(
        body["scopes"],
        json!({
            "read:checkouts": {"all": false},
            "read:stocks": {"all": false, first: false, second: true, third: false},
        })
    );
}

#[actix_web::test]
async fn a_refresh_token_is_good_once_and_dies_after_two_days() {
    let sandbox = sandbox();
    let (_, first) = exchange(&sandbox, &approve(&sandbox, &[]).await).await;
    let (status, second) = refresh(&sandbox, &first["refreshToken"]).await;
    assert_eq!(status, 200);
    assert_ne!(second["refreshToken"], first["refreshToken"]);
    assert_ne!(second["token"], first["token"]);
    assert_eq!(second["MerchantId"], first["MerchantId"]);
    assert_eq!(second["scopes"], first["scopes"]);
    assert_eq!(refresh(&sandbox, &first["refreshToken"]).await, bad_grant());
    sandbox.advance(Duration::from_hours(48));
    assert_eq!(
        refresh(&sandbox, &second["refreshToken"]).await,
        bad_grant()
    );
}

#[actix_web::test]
async fn what_a_rule_says_of_the_answer_comes_true() {
    let sandbox = sandbox();
    let dialect = Dialect::Multivende;
    script(&sandbox, dialect, "consent", r#""drop_state""#);
    let callback = approve(&sandbox, &[]).await;
    assert_eq!(parameter(&callback, "state"), None);
    let lives = r#"{"lives":{"access_ms":1000,"refresh_ms":2000}}"#;
    script(&sandbox, dialect, "token", lives);
    let (_, first) = exchange(&sandbox, &callback).await;
    assert_eq!(first["expiresAt"], "2023-11-14T22:13:21.000Z");
    assert_eq!(first["refreshTokenExpiresAt"], "2023-11-14T22:13:22.000Z");
    script(&sandbox, dialect, "token", r#""same_refresh_token""#);
    let (_, kept) = refresh(&sandbox, &first["refreshToken"]).await;
    assert_eq!(kept["refreshToken"], first["refreshToken"]);
    script(&sandbox, dialect, "token", r#""no_refresh_token""#);
    let (_, silent) = refresh(&sandbox, &first["refreshToken"]).await;
    assert_eq!(silent["refreshToken"], Value::Null);
    script(&sandbox, dialect, "token", r#""no_expiry""#);
    let (_, endless) = refresh(&sandbox, &first["refreshToken"]).await;
    assert_eq!(endless["expiresAt"], Value::Null);
    script(&sandbox, dialect, "token", r#"{"wrong_shop":"other"}"#);
    let (_, other) = refresh(&sandbox, &endless["refreshToken"]).await;
    assert_eq!(other["MerchantId"], shop("other").uuid());
    script(&sandbox, dialect, "token", r#""ok_with_error""#);
    let answer = refresh(&sandbox, &other["refreshToken"]).await;
    assert_eq!(answer, (200, json!({"error": "server_error"})));
    script(&sandbox, dialect, "consent", r#""deny""#);
    let callback = approve(&sandbox, &[]).await;
    assert_eq!(
        callback,
        "https://app.example/callback?error=access_denied&state=n0nce"
    );
}

#[actix_web::test]
async fn what_the_platform_does_not_accept_is_refused() {
    let sandbox = sandbox();
    for (from, to) in [
        ("client-1", "client-2"),
        ("app.example", "evil.example"),
        ("response_type=code", "response_type=token"),
        ("read%3Astocks", "read%3Agold"),
    ] {
        let page = PAGE.replace(from, to);
        let answer = call(&sandbox, TestRequest::get().uri(&page)).await;
        assert_eq!(answer.status, 400, "{page}");
    }
    for form in [
        vec![("decision", "perhaps")],
        vec![("decision", "approve"), ("read:stocks", "some")],
        vec![("decision", "approve"), ("merchant", "no shop")],
    ] {
        assert_eq!(decide(&sandbox, &form).await.status, 400);
    }
    let callback = approve(&sandbox, &[]).await;
    let code = parameter(&callback, "code").unwrap();
    let right = json!({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "grant_type": "authorization_code", "code": code});
    for (field, value, expected) in [
        (
            "client_secret",
            "x",
            (401, json!({"error": "invalid_client"})),
        ),
        ("client_id", "x", (401, json!({"error": "invalid_client"}))),
        ("code", "ac-x", bad_grant()),
        (
            "grant_type",
            "password",
            (400, json!({"error": "unsupported_grant_type"})),
        ),
    ] {
        let mut body = right.clone();
        body[field] = value.into();
        assert_eq!(send(&sandbox, body).await, expected, "{field}");
    }
    let form = TestRequest::post()
        .uri("/multivende/oauth/access-token")
        .set_form([("grant_type", "authorization_code")]);
    let answer = call(&sandbox, form).await.json();
    assert_eq!(answer, (400, json!({"error": "invalid_request"})));
    assert_eq!(send(&sandbox, right).await.0, 200);
    assert_eq!(outcomes(&sandbox).last(), Some(&"token granted"));
}
