use std::time::Duration;

use actix_web::test::TestRequest;
use serde_json::Value;

use crate::testing::{
    CLIENT_ID, CLIENT_SECRET, approve, call, decide, outcomes, parameter, sandbox, script, shop,
};

use super::*;

const PAGE: &str = "/cafe24/demomall/api/v2/oauth/authorize?response_type=code&client_id=client-1\
    &state=n0nce&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback\
    &scope=mall.read_order%2Cmall.read_product";
const REDIRECT: &str = "redirect_uri=https%3A%2F%2Fapp.example%2Fcallback";

async fn token(sandbox: &Sandbox, mall: &str, secret: &str, form: &str) -> (u16, Value) {
    let basic = STANDARD.encode(format!("{CLIENT_ID}:{secret}"));
    let request = TestRequest::post()
        .uri(&format!("/cafe24/{mall}/api/v2/oauth/token"))
        .insert_header((AUTHORIZATION, format!("Basic {basic}")))
        .insert_header((CONTENT_TYPE, "application/x-www-form-urlencoded"))
        .set_payload(form.to_owned());
    call(sandbox, request).await.json()
}

async fn consented(sandbox: &Sandbox) -> String {
    let callback = approve(sandbox, PAGE).await;
    assert!(callback.starts_with("https://app.example/callback?code="));
    assert_eq!(parameter(&callback, "state").as_deref(), Some("n0nce"));
    assert_eq!(parameter(&callback, "mall_id"), None);
    parameter(&callback, "code").unwrap()
}

async fn exchange(sandbox: &Sandbox, code: &str) -> (u16, Value) {
    let form = format!("grant_type=authorization_code&code={code}&{REDIRECT}");
    token(sandbox, "demomall", CLIENT_SECRET, &form).await
}

async fn refresh(sandbox: &Sandbox, refresh_token: &str) -> (u16, Value) {
    let form = format!("grant_type=refresh_token&refresh_token={refresh_token}");
    token(sandbox, "demomall", CLIENT_SECRET, &form).await
}

fn refused(answer: &(u16, Value)) -> (u16, &str, &str) {
    let (status, body) = answer;
    let text = |name: &str| body[name].as_str().unwrap();
    (*status, text("error"), text("error_description"))
}

const BAD_GRANT: (u16, &str, &str) = (400, "invalid_grant", "The grant is invalid.");

#[actix_web::test]
async fn a_consent_ends_in_a_pair_of_tokens_with_korean_times() {
    let sandbox = sandbox();
    let shown = call(&sandbox, TestRequest::get().uri(PAGE)).await;
    assert_eq!(shown.status, 200);
    assert!(shown.body.contains("mall.read_product"), "{}", shown.body);
    let code = consented(&sandbox).await;
    let (status, body) = exchange(&sandbox, &code).await;
    assert_eq!(status, 200);
    // 2023-11-14T22:13:20Z, told in Korea.
    assert_eq!(
        body,
        json!({
            "access_token": body["access_token"],
            "expires_at": "2023-11-15T09:13:20.000",
            "refresh_token": body["refresh_token"],
            "refresh_token_expires_at": "2023-11-29T07:13:20.000",
            "client_id": "client-1",
            "mall_id": "demomall",
            "user_id": "demomall",
            "scopes": ["mall.read_order", "mall.read_product"],
            "issued_at": "2023-11-15T07:13:20.000",
            "shop_no": "1",
            "token_type": "Bearer",
        })
    );
    let issued: Vec<SecretString> = sandbox.issued();
    for name in ["access_token", "refresh_token"] {
        let told = body[name].as_str().unwrap();
        assert!(issued.iter().any(|known| known.expose_secret() == told));
    }
}

#[actix_web::test]
async fn a_code_is_good_once_for_a_minute() {
    let sandbox = sandbox();
    let code = consented(&sandbox).await;
    sandbox.advance(Duration::from_mins(1));
    assert_eq!(exchange(&sandbox, &code).await.0, 200);
    assert_eq!(refused(&exchange(&sandbox, &code).await), BAD_GRANT);
    let code = consented(&sandbox).await;
    sandbox.advance(Duration::from_secs(61));
    assert_eq!(refused(&exchange(&sandbox, &code).await), BAD_GRANT);
    assert_eq!(refused(&exchange(&sandbox, "unknown").await), BAD_GRANT);
}

#[actix_web::test]
async fn a_refresh_token_is_good_once_for_a_fortnight() {
    let sandbox = sandbox();
    let code = consented(&sandbox).await;
    let (_, first) = exchange(&sandbox, &code).await;
    let first = first["refresh_token"].as_str().unwrap();
    let (status, second) = refresh(&sandbox, first).await;
    assert_eq!(status, 200);
    assert_eq!(
        second["scopes"],
        json!(["mall.read_order", "mall.read_product"])
    );
    let second = second["refresh_token"].as_str().unwrap();
    assert_ne!(first, second);
    assert_eq!(refused(&refresh(&sandbox, first).await), BAD_GRANT);
    let form = format!("grant_type=refresh_token&refresh_token={second}");
    let elsewhere = token(&sandbox, "othermall", CLIENT_SECRET, &form).await;
    assert_eq!(refused(&elsewhere), BAD_GRANT);
    sandbox.advance(Duration::from_hours(14 * 24));
    assert_eq!(refused(&refresh(&sandbox, second).await), BAD_GRANT);
}

#[actix_web::test]
async fn a_token_dies_with_the_app() {
    let sandbox = sandbox();
    let code = consented(&sandbox).await;
    let (_, pair) = exchange(&sandbox, &code).await;
    sandbox.uninstall(Dialect::Cafe24, &shop("demomall"));
    let refreshed = refresh(&sandbox, pair["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refused(&refreshed), BAD_GRANT);
}

#[actix_web::test]
async fn calls_of_another_form_are_refused() {
    let sandbox = sandbox();
    let code = consented(&sandbox).await;
    let form = format!("grant_type=authorization_code&code={code}&{REDIRECT}");
    let bad_secret = (401, "invalid_client", "Invalid client_secret");
    let answer = token(&sandbox, "demomall", "another", &form).await;
    assert_eq!(refused(&answer), bad_secret);
    for (form, expected) in [
        (
            format!("{form}&client_id={CLIENT_ID}"),
            (400, "invalid_request", BAD_PARAMETERS),
        ),
        (
            format!("{form}&client_secret={CLIENT_SECRET}"),
            (400, "invalid_request", BAD_PARAMETERS),
        ),
        (
            form.replace("app.example", "evil.example"),
            (400, "invalid_request", BAD_REDIRECT_URI),
        ),
        (
            form.replace("authorization_code", "password"),
            (400, "unsupported_grant_type", BAD_PARAMETERS),
        ),
        (
            String::new(),
            (400, "unsupported_grant_type", BAD_PARAMETERS),
        ),
    ] {
        let answer = token(&sandbox, "demomall", CLIENT_SECRET, &form).await;
        assert_eq!(refused(&answer), expected, "{form}");
    }
    let elsewhere = token(&sandbox, "othermall", CLIENT_SECRET, &form).await;
    assert_eq!(refused(&elsewhere), BAD_GRANT);
    let as_json = TestRequest::post()
        .uri("/cafe24/demomall/api/v2/oauth/token")
        .set_json(json!({"grant_type": "authorization_code", "code": code}));
    assert_eq!(call(&sandbox, as_json).await.status, 400);
    assert_eq!(
        exchange(&sandbox, &code).await.0,
        200,
        "none spent the code"
    );
}

#[actix_web::test]
async fn authorize_links_are_refused_as_the_platform_refuses_them() {
    let sandbox = sandbox();
    let elsewhere = PAGE.replace("app.example", "evil.example");
    let answer = call(&sandbox, TestRequest::get().uri(&elsewhere)).await;
    assert_eq!(
        refused(&answer.json()),
        (400, "invalid_request", BAD_REDIRECT_URI)
    );
    for scopes in ["mall.read_order+mall.read_product", "mall.read_orders", ""] {
        let page = PAGE.replace("mall.read_order%2Cmall.read_product", scopes);
        for answer in [
            call(&sandbox, TestRequest::get().uri(&page)).await,
            decide(&sandbox, &page, "approve").await,
        ] {
            assert_eq!(
                (answer.status, answer.location.as_deref()),
                (
                    303,
                    Some("https://app.example/callback?error=invalid_scope&state=n0nce")
                ),
                "{scopes}"
            );
        }
    }
    let unknown = PAGE.replace("client-1", "client-2");
    let answer = call(&sandbox, TestRequest::get().uri(&unknown)).await;
    assert_eq!((answer.status, answer.location), (400, None));
}

#[actix_web::test]
async fn a_refusal_is_told_in_the_callback() {
    let sandbox = sandbox();
    let denied = decide(&sandbox, PAGE, "deny").await;
    assert_eq!(
        denied.location.as_deref(),
        Some("https://app.example/callback?error=access_denied&state=n0nce")
    );
    assert_eq!(outcomes(&sandbox), ["denied"]);
}

#[actix_web::test]
async fn scripted_faults_come_true() {
    let sandbox = sandbox();
    let rule = |step, fault| script(&sandbox, Dialect::Cafe24, step, fault);

    rule("consent", r#"{"fewer_scopes":["mall.read_order"]}"#);
    let code = consented(&sandbox).await;
    let (_, body) = exchange(&sandbox, &code).await;
    assert_eq!(body["scopes"], json!(["mall.read_order"]));

    rule("consent", r#"{"wrong_shop":"othermall"}"#);
    let code = consented(&sandbox).await;
    let (_, body) = exchange(&sandbox, &code).await;
    assert_eq!(body["mall_id"], "othermall");

    rule("consent", r#""code_already_used""#);
    let code = consented(&sandbox).await;
    assert_eq!(refused(&exchange(&sandbox, &code).await), BAD_GRANT);

    let code = consented(&sandbox).await;
    rule("token", r#""deny""#);
    assert_eq!(refused(&exchange(&sandbox, &code).await), BAD_GRANT);
    rule("token", r#""ok_with_error""#);
    let answer = exchange(&sandbox, &code).await;
    assert_eq!(refused(&answer), (200, "server_error", "system error"));
    rule("token", r#"{"wrong_shop_in_token":"othermall"}"#);
    let (_, body) = exchange(&sandbox, &code).await;
    assert_eq!(body["mall_id"], "othermall");
}
