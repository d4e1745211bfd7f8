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

/// Vector C24-3: `demo_client_id:c24_test_secret_01`.
#[actix_web::test]
async fn the_known_header_names_the_app_and_altered_ones_do_not() {
    let known = "Basic ZGVtb19jbGllbnRfaWQ6YzI0X3Rlc3Rfc2VjcmV0XzAx";
    let sandbox = sandbox();
    sandbox.register_app(AppRegistration {
        client_id: "demo_client_id".to_owned(),
        client_secret: "c24_test_secret_01".into(),
        ..crate::testing::app(Dialect::Cafe24)
    });
    let app_of = |header: &str| {
        let request = TestRequest::post().insert_header((AUTHORIZATION, header));
        let app = authenticate(&sandbox, &request.to_http_request());
        app.map(|app| app.client_id)
    };
    assert_eq!(app_of(known).as_deref(), Some("demo_client_id"));
    for altered in [
        known.replace("XzAx", "XzAy"),
        known.replace("ZGVt", "ZGVu"),
        known.replace("Basic ", "Bearer "),
        known.replace("Basic ", ""),
    ] {
        assert_eq!(app_of(&altered), None, "{altered}");
    }
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

#[actix_web::test]
async fn the_admin_api_says_whether_the_app_is_still_there() {
    let sandbox = sandbox();
    let ask = async |token: &str| {
        let request = TestRequest::get()
            .uri("/cafe24/demomall/api/v2/admin/apps")
            .insert_header((AUTHORIZATION, format!("Bearer {token}")));
        let (status, body) = call(&sandbox, request).await.json();
        let message = body["error"]["message"].as_str().unwrap_or("none");
        (status, message.to_owned())
    };
    let told = |status: u16, message: &str| (status, message.to_owned());
    let deleted = "This app has been deleted. Please accept the operator's consent again.";
    assert_eq!(ask("t0ken").await, told(403, deleted));

    let code = consented(&sandbox).await;
    let (_, body) = exchange(&sandbox, &code).await;
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(ask("t0ken").await, told(401, "Invalid access_token"));
    let scope = "Insufficient scope: mall.read_application";
    assert_eq!(ask(token).await, told(403, scope));

    let page = PAGE.replace("mall.read_product", "mall.read_application");
    let callback = approve(&sandbox, &page).await;
    let code = parameter(&callback, "code").unwrap();
    let (_, body) = exchange(&sandbox, &code).await;
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(ask(token).await, told(200, "none"));
    script(&sandbox, Dialect::Cafe24, "probe", "\"deny\"");
    assert_eq!(ask(token).await, told(401, "Invalid access_token"));

    sandbox.uninstall(Dialect::Cafe24, &shop("demomall"));
    assert_eq!(ask(token).await, told(403, deleted));
}

#[actix_web::test]
async fn an_operator_is_sent_to_the_app_by_command() {
    let sandbox = sandbox();
    let send = async |command: Value| {
        let request = TestRequest::post().uri("/control").set_json(command);
        call(&sandbox, request).await.json()
    };
    let launch = |dialect: &str, more: Value| {
        let mut command = json!({
            "action": "launch", "dialect": dialect, "shop": "demomall",
            "app_url": "https://app.example/open",
        });
        if !more.is_null() {
            command["operator"] = more;
        }
        command
    };
    for (command, named) in [
        (launch("cafe24", Value::Null), "user_type=P&hmac="),
        (
            launch("cafe24", json!({"user_type": "A"})),
            "user_type=A&hmac=",
        ),
    ] {
        let (status, answer) = send(command).await;
        let location = answer["location"].as_str().unwrap();
        assert_eq!(status, 200);
        assert!(location.contains(named), "{location}");
    }
    for refused in [
        launch("shopline", json!({})),
        launch("cafe24", json!({"user_tipe": "A"})),
    ] {
        assert_eq!(send(refused).await.0, 400);
    }

    let event =
        json!({"action": "event", "dialect": "cafe24", "shop": "demomall", "topic": "expired"});
    assert_eq!(send(event.clone()).await.0, 400);
    let key = json!({"action": "set_event_key", "client_id": CLIENT_ID, "key": "made-up"});
    assert_eq!(send(key).await.0, 200);
    let (status, answer) = send(event).await;
    assert_eq!(status, 200);
    assert_eq!(answer["headers"]["x-api-key"], "made-up");
}

async fn revoke(sandbox: &Sandbox, secret: &str, token: &Value) -> (u16, Value) {
    let basic = STANDARD.encode(format!("{CLIENT_ID}:{secret}"));
    let token = token.as_str().unwrap();
    let request = TestRequest::post()
        .uri("/cafe24/demomall/api/v2/oauth/revoke")
        .insert_header((AUTHORIZATION, format!("Basic {basic}")))
        .insert_header((CONTENT_TYPE, "application/x-www-form-urlencoded"))
        .set_payload(format!("token={token}&token_hint=access_token"));
    call(sandbox, request).await.json()
}

#[actix_web::test]
async fn a_token_is_given_up_with_the_refresh_token_of_its_pair() {
    let sandbox = sandbox();
    let (_, first) = exchange(&sandbox, &consented(&sandbox).await).await;
    let refresh_token = |pair: &Value| pair["refresh_token"].as_str().unwrap().to_owned();
    let (_, second) = refresh(&sandbox, &refresh_token(&first)).await;
    let (status, _) = revoke(&sandbox, "another secret", &second["access_token"]).await;
    assert_eq!(status, 401);
    let done = (200, json!({}));
    // The pair of the older one was used up already, and the newer pair stays good.
    let access_token = &first["access_token"];
    assert_eq!(revoke(&sandbox, CLIENT_SECRET, access_token).await, done);
    let (_, third) = refresh(&sandbox, &refresh_token(&second)).await;
    let access_token = &third["access_token"];
    for _ in 0..2 {
        assert_eq!(revoke(&sandbox, CLIENT_SECRET, access_token).await, done);
    }
    let refused_refresh = refresh(&sandbox, &refresh_token(&third)).await;
    assert_eq!(refused(&refused_refresh), BAD_GRANT);
    let ends = outcomes(&sandbox);
    assert_eq!(
        ends[ends.len() - 3..],
        [
            "token revoked",
            "nothing to revoke",
            "refused: refresh token"
        ]
    );
}
