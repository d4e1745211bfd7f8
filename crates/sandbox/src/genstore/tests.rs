use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::testing::{
    CLIENT_ID, CLIENT_SECRET, NOW_MS, approve, call, decide, is_rightly_signed, outcomes,
    parameter, sandbox, script, shop,
};
use crate::{Dialect, Sandbox};

const DIALECT: Dialect = Dialect::Genstore;
const PAGE: &str = "/genstore/demo/admin/oauth2/authorize?clientId=client-1\
    &scope=read_orders%2Cwrite_apps&redirectUrl=https%3A%2F%2Fapp.example%2Fcallback\
    &state=n0nce&grantType=code";

fn body(code: &str) -> Value {
    json!({
        "clientId": CLIENT_ID,
        "clientSecret": CLIENT_SECRET,
        "grantType": "code",
        "code": code,
    })
}

fn exchange(shop: &str, body: &Value) -> TestRequest {
    let path = format!("/genstore/{shop}/oauth2/token");
    TestRequest::post().uri(&path).set_json(body)
}

fn with_token(request: TestRequest, path: &str, token: &Value) -> TestRequest {
    request
        .uri(&format!("/genstore/demo/api/202412/oauth2/{path}"))
        .insert_header(("x-genstore-access-token", token.as_str().unwrap()))
}

async fn new_code(sandbox: &Sandbox) -> String {
    parameter(&approve(sandbox, PAGE).await, "code").unwrap()
}

async fn authorize(sandbox: &Sandbox) -> Value {
    let code = new_code(sandbox).await;
    let (status, answer) = call(sandbox, exchange("demo", &body(&code))).await.json();
    assert_eq!(status, 200, "{answer}");
    answer
}

#[actix_web::test]
async fn a_seller_s_consent_becomes_a_token() {
    let sandbox = sandbox();
    let page = call(&sandbox, TestRequest::get().uri(PAGE)).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("write_apps"));

    let callback = approve(&sandbox, PAGE).await;
    assert!(is_rightly_signed(&callback, "hmac"));
    let code = parameter(&callback, "code").unwrap();
    let id = shop("demo").id();
    let (unsigned, _) = callback.split_once("&hmac=").unwrap();
    assert_eq!(
        unsigned,
        format!(
            "https://app.example/callback?shop=demo&shopId={id}&state=n0nce\
             &timestamp={NOW_MS}&code={code}"
        )
    );

    let (status, answer) = call(&sandbox, exchange("demo", &body(&code))).await.json();
    let token = answer["accessToken"].clone();
    assert_eq!(token.as_str().unwrap().len(), 24);
    let expected = json!({
        "accessToken": token,
        "scope": "read_orders,write_apps",
        "shopId": id,
        "shopDomain": "demo.genmystore.com",
    });
    assert_eq!((status, answer), (200, expected));

    let scopes = with_token(TestRequest::get(), "access_scopes", &token);
    let expected = json!({"accessScopes": "[read_orders,write_apps]"});
    assert_eq!(call(&sandbox, scopes).await.json(), (200, expected));
}

#[actix_web::test]
async fn the_offline_token_stays_the_same_until_the_app_is_uninstalled() {
    let sandbox = sandbox();
    let first = authorize(&sandbox).await;
    let second = authorize(&sandbox).await;
    assert_eq!(first["accessToken"], second["accessToken"]);

    let uninstall = || with_token(TestRequest::delete(), "uninstall", &first["accessToken"]);
    assert_eq!(call(&sandbox, uninstall()).await.json(), (200, json!({})));
    assert_eq!(call(&sandbox, uninstall()).await.status, 401);
    let third = authorize(&sandbox).await;
    assert_ne!(first["accessToken"], third["accessToken"]);
}

#[actix_web::test]
async fn a_denial_is_a_signed_callback_without_a_code() {
    let sandbox = sandbox();
    let callback = decide(&sandbox, PAGE, "deny").await.location.unwrap();
    assert!(is_rightly_signed(&callback, "hmac"));
    assert_eq!(parameter(&callback, "code"), None);
    assert_eq!(parameter(&callback, "state").as_deref(), Some("n0nce"));
}

#[actix_web::test]
async fn an_authorize_url_that_is_not_right_shows_an_error_and_never_redirects() {
    for (right, wrong) in [
        ("clientId=client-1", "clientId=client-2"),
        ("%2Fcallback", "%2Fother"),
        ("grantType=code", "grantType=token"),
        ("state=n0nce", "redirectUrl=https%3A%2F%2Fevil.example"),
        ("read_orders%2C", "%3Cscript%3E%2C"),
    ] {
        let sandbox = sandbox();
        let page = PAGE.replace(right, wrong);
        let shown = call(&sandbox, TestRequest::get().uri(&page)).await;
        let sent = decide(&sandbox, &page, "approve").await;
        assert_eq!((shown.status, shown.location), (400, None), "{wrong}");
        assert_eq!((sent.status, sent.location), (400, None), "{wrong}");
    }
}

#[actix_web::test]
async fn a_token_request_that_is_not_right_is_refused_and_spends_nothing() {
    let sandbox = sandbox();
    let code = new_code(&sandbox).await;
    let with = |key: &str, value: &str| {
        let mut body = body(&code);
        body[key] = json!(value);
        body
    };
    for (request, status, error) in [
        (
            exchange("demo", &with("clientSecret", "wrong")),
            401,
            "invalid client",
        ),
        (
            exchange("demo", &with("clientId", "client-2")),
            401,
            "invalid client",
        ),
        (
            exchange("demo", &with("grantType", "authorization_code")),
            400,
            "unsupported grantType",
        ),
        (
            exchange("demo", &with("code", "made-up")),
            400,
            "invalid code",
        ),
        (exchange("other", &body(&code)), 400, "invalid code"),
        (
            exchange("demo", &json!({"code": code})),
            400,
            "invalid request",
        ),
        (
            exchange("demo", &body(&code)).insert_header(("content-type", "text/plain")),
            415,
            "unsupported media type",
        ),
    ] {
        let expected = (status, json!({"error": error}));
        assert_eq!(call(&sandbox, request).await.json(), expected);
    }
    assert_eq!(
        call(&sandbox, exchange("demo", &body(&code))).await.status,
        200
    );
    let used = call(&sandbox, exchange("demo", &body(&code))).await.json();
    assert_eq!(used, (400, json!({"error": "invalid code"})));

    let late = new_code(&sandbox).await;
    sandbox.advance(std::time::Duration::from_secs(601));
    assert_eq!(
        call(&sandbox, exchange("demo", &body(&late))).await.status,
        400
    );
    assert_eq!(
        outcomes(&sandbox).last(),
        Some(&"refused: the code has expired")
    );
}

#[actix_web::test]
async fn scopes_are_told_to_apps_that_may_read_apps() {
    let sandbox = sandbox();
    script(
        &sandbox,
        DIALECT,
        "consent",
        r#"{"fewer_scopes":["read_orders"]}"#,
    );
    let granted = authorize(&sandbox).await;
    assert_eq!(granted["scope"], "read_orders");
    let scopes = with_token(TestRequest::get(), "access_scopes", &granted["accessToken"]);
    let expected = (403, json!({"error": "forbidden"}));
    assert_eq!(call(&sandbox, scopes).await.json(), expected);
}

#[actix_web::test]
async fn faults_at_the_token() {
    let sandbox = sandbox();
    let code = new_code(&sandbox).await;
    for (fault, expected) in [
        (r#""deny""#, (403, json!({"error": "access denied"}))),
        (
            r#""code_already_used""#,
            (400, json!({"error": "invalid code"})),
        ),
        (
            r#""ok_with_error""#,
            (200, json!({"error": "system error"})),
        ),
    ] {
        script(&sandbox, DIALECT, "token", fault);
        let answer = call(&sandbox, exchange("demo", &body(&code))).await;
        assert_eq!(answer.json(), expected);
    }
    script(&sandbox, DIALECT, "token", r#"{"wrong_shop":"other"}"#);
    let (_, answer) = call(&sandbox, exchange("demo", &body(&code))).await.json();
    assert_eq!(answer["shopId"], shop("other").id());
    assert_eq!(answer["shopDomain"], "other.genmystore.com");
}

#[actix_web::test]
async fn another_shop_can_answer_the_consent() {
    let sandbox = sandbox();
    script(&sandbox, DIALECT, "consent", r#"{"wrong_shop":"other"}"#);
    let callback = approve(&sandbox, PAGE).await;
    assert_eq!(parameter(&callback, "shop").as_deref(), Some("other"));
    let id = shop("other").id().to_string();
    assert_eq!(parameter(&callback, "shopId"), Some(id));
    let code = parameter(&callback, "code").unwrap();
    // The app may know the shop from either side.
    let (_, answer) = call(&sandbox, exchange("other", &body(&code))).await.json();
    assert_eq!(answer["shopDomain"], "other.genmystore.com");
}

#[actix_web::test]
async fn faults_at_the_probe() {
    let sandbox = sandbox();
    let token = authorize(&sandbox).await["accessToken"].clone();
    let probe = || with_token(TestRequest::get(), "access_scopes", &token);
    for (fault, expected) in [
        (r#""deny""#, (401, json!({"error": "unauthorized"}))),
        (
            r#"{"wrong_shop":"other"}"#,
            (401, json!({"error": "unauthorized"})),
        ),
        (
            r#""ok_with_error""#,
            (200, json!({"error": "system error"})),
        ),
        (
            r#"{"fewer_scopes":["write_apps"]}"#,
            (200, json!({"accessScopes": "[write_apps]"})),
        ),
    ] {
        script(&sandbox, DIALECT, "probe", fault);
        assert_eq!(call(&sandbox, probe()).await.json(), expected);
    }
    sandbox.uninstall(DIALECT, &shop("demo"));
    assert_eq!(call(&sandbox, probe()).await.status, 401);
}

#[actix_web::test]
async fn a_launch_is_signed() {
    let sandbox = sandbox();
    let uri =
        "/genstore/demo/sandbox/launch?app_url=https%3A%2F%2Fapp.example%2Fopen&client_id=client-1";
    let launch = call(&sandbox, TestRequest::get().uri(uri)).await;
    let location = launch.location.unwrap();
    let id = shop("demo").id();
    let expected =
        format!("https://app.example/open?shop=demo&shopId={id}&timestamp={NOW_MS}&hmac=");
    assert!(location.starts_with(&expected), "{location}");
    assert!(is_rightly_signed(&location, "hmac"));
}
