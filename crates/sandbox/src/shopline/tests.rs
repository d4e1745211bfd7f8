use std::pin::pin;
use std::time::Duration;

use actix_web::test::TestRequest;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::testing::{
    CLIENT_ID, CLIENT_SECRET, NOW_MS, approve, call, decide, is_rightly_signed, outcomes,
    parameter, sandbox, script, shop,
};
use crate::{Dialect, Fault, Hold, Rule, Sandbox, Step};

const DIALECT: Dialect = Dialect::Shopline;
const PAGE: &str = "/shopline/demo/admin/oauth-web/consent?appKey=client-1&responseType=code\
    &scope=read_orders,read_store_information\
    &redirectUri=https%3A%2F%2Fapp.example%2Fcallback&customField=n0nce";

fn signed(path: &str, body: &str, timestamp: i64) -> TestRequest {
    let mac = Hmac::<Sha256>::new_from_slice(CLIENT_SECRET.as_bytes())
        .unwrap()
        .chain_update(body)
        .chain_update(timestamp.to_string());
    TestRequest::post()
        .uri(path)
        .insert_header(("content-type", "application/json"))
        .insert_header(("appkey", CLIENT_ID))
        .insert_header(("timestamp", timestamp.to_string()))
        .insert_header(("sign", hex::encode(mac.finalize().into_bytes())))
        .set_payload(body.to_owned())
}

fn create(shop: &str, code: &str, timestamp: i64) -> TestRequest {
    let path = format!("/shopline/{shop}/admin/oauth/token/create");
    signed(&path, &json!({"code": code}).to_string(), timestamp)
}

fn refresh(timestamp: i64) -> TestRequest {
    signed("/shopline/demo/admin/oauth/token/refresh", "", timestamp)
}

fn shop_information(shop: &str, token: &str) -> TestRequest {
    TestRequest::get()
        .uri(&format!(
            "/shopline/{shop}/admin/openapi/v20251201/merchants/shop.json"
        ))
        .insert_header(("authorization", format!("Bearer {token}")))
}

/// Approves and exchanges; the answer is the envelope's `data`.
async fn authorize(sandbox: &Sandbox) -> Value {
    let code = parameter(&approve(sandbox, PAGE).await, "code").unwrap();
    let (status, body) = call(sandbox, create("demo", &code, NOW_MS)).await.json();
    assert_eq!((status, &body["code"]), (200, &json!(200)), "{body}");
    body["data"].clone()
}

async fn i18n_code(sandbox: &Sandbox, request: TestRequest) -> Value {
    let (status, body) = call(sandbox, request).await.json();
    assert_eq!(status, 200);
    assert_ne!(body["code"], json!(200), "{body}");
    body["i18nCode"].clone()
}

fn claims(token: &Value) -> Value {
    let mut parts = token.as_str().unwrap().split('.');
    let claims = BASE64_URL_SAFE_NO_PAD
        .decode(parts.nth(1).unwrap())
        .unwrap();
    serde_json::from_slice(&claims).unwrap()
}

#[actix_web::test]
async fn a_seller_s_consent_becomes_a_token() {
    let sandbox = sandbox();
    let route = TestRequest::get().uri("/shopline/demo/admin/oauth-web/");
    assert!(call(&sandbox, route).await.body.contains("location.hash"));

    let page = call(&sandbox, TestRequest::get().uri(PAGE)).await;
    assert_eq!(page.status, 200);
    for shown in [
        "Paper &amp; &lt;Clip&gt;",
        "Demo",
        "read_orders",
        "<form method=\"post\">",
    ] {
        assert!(page.body.contains(shown), "{shown}");
    }
    assert!(!page.body.contains("<script"));

    let callback = approve(&sandbox, PAGE).await;
    assert!(is_rightly_signed(&callback, "sign"));
    let code = parameter(&callback, "code").unwrap();
    let (unsigned, _) = callback.split_once("&sign=").unwrap();
    assert_eq!(
        unsigned,
        format!(
            "https://app.example/callback?appkey=client-1&code={code}&customField=n0nce\
             &handle=demo&timestamp={NOW_MS}"
        )
    );

    let (status, body) = call(&sandbox, create("demo", &code, NOW_MS)).await.json();
    let token = body["data"]["accessToken"].clone();
    assert_eq!(
        (status, &body),
        (
            200,
            &json!({"code": 200, "i18nCode": "SUCCESS", "message": "ok", "data": {
                "accessToken": token,
                "expireTime": "2023-11-15T08:13:20.000Z",
                "scope": "read_orders,read_store_information",
            }})
        )
    );
    let claims = claims(&token);
    assert_eq!(claims["storeId"], json!(shop("demo").id().to_string()));
    assert_eq!(claims["domain"], "https://demo.myshopline.com");

    let known = shop_information("demo", token.as_str().unwrap());
    let (status, body) = call(&sandbox, known).await.json();
    assert_eq!(
        (status, &body["data"]["domain"]),
        (200, &json!("demo.myshopline.com"))
    );
    let stranger = shop_information("other", token.as_str().unwrap());
    assert_eq!(call(&sandbox, stranger).await.status, 401);
    assert_eq!(
        outcomes(&sandbox),
        [
            "authorize page shown",
            "consent page shown",
            "approved",
            "token created",
            "shop told",
            "refused: token"
        ]
    );
    let calls = format!("{:?}", sandbox.calls());
    for hidden in [&code, "n0nce", token.as_str().unwrap()] {
        assert!(!calls.contains(hidden));
    }
}

#[actix_web::test]
async fn a_denial_is_a_signed_callback_without_a_code() {
    let sandbox = sandbox();
    let callback = decide(&sandbox, PAGE, "deny").await.location.unwrap();
    assert!(is_rightly_signed(&callback, "sign"));
    assert_eq!(parameter(&callback, "code"), None);
    assert_eq!(
        parameter(&callback, "customField").as_deref(),
        Some("n0nce")
    );

    assert_eq!(decide(&sandbox, PAGE, "perhaps").await.status, 400);
}

#[actix_web::test]
async fn an_authorize_url_that_is_not_right_shows_an_error_and_never_redirects() {
    for (right, wrong) in [
        ("appKey=client-1", "appKey=client-2"),
        ("appKey=client-1&", ""),
        ("%2Fcallback", "%2Fcallback%2Fother"),
        ("app.example", "evil.example"),
        ("&redirectUri=https%3A%2F%2Fapp.example%2Fcallback", ""),
        ("responseType=code", "responseType=token"),
        ("scope=read_orders,", "scope=read_orders+"),
        ("scope=read_orders,read_store_information&", ""),
        ("customField=n0nce", "appKey=client-1"),
    ] {
        let sandbox = sandbox();
        let page = PAGE.replace(right, wrong);
        assert_ne!(page, PAGE, "{right}");
        let shown = call(&sandbox, TestRequest::get().uri(&page)).await;
        let sent = decide(&sandbox, &page, "approve").await;
        assert_eq!((shown.status, shown.location), (400, None), "{wrong}");
        assert_eq!((sent.status, sent.location), (400, None), "{wrong}");
    }
    let nowhere = PAGE.replace("/demo/", "/de.mo/");
    assert_eq!(
        call(&sandbox(), TestRequest::get().uri(&nowhere))
            .await
            .status,
        404
    );
}

#[actix_web::test]
async fn a_code_is_good_once_and_for_ten_minutes() {
    let sandbox = sandbox();
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(parameter(&approve(&sandbox, PAGE).await, "code").unwrap());
    }
    let elsewhere = create("other", &codes[0], NOW_MS);
    assert_eq!(i18n_code(&sandbox, elsewhere).await, "OAUTH_CODE_INVALID");
    assert_eq!(
        call(&sandbox, create("demo", &codes[0], NOW_MS))
            .await
            .json()
            .1["code"],
        200
    );
    let again = create("demo", &codes[0], NOW_MS);
    assert_eq!(i18n_code(&sandbox, again).await, "OAUTH_CODE_INVALID");

    sandbox.advance(Duration::from_mins(10));
    let now = NOW_MS + 600_000;
    assert_eq!(
        call(&sandbox, create("demo", &codes[1], now))
            .await
            .json()
            .1["code"],
        200
    );
    sandbox.advance(Duration::from_millis(1));
    let late = create("demo", &codes[2], now);
    assert_eq!(i18n_code(&sandbox, late).await, "OAUTH_CODE_INVALID");
    assert_eq!(
        outcomes(&sandbox).last(),
        Some(&"refused: the code has expired")
    );
}

#[actix_web::test]
async fn a_call_that_is_not_signed_just_so_spends_nothing() {
    let sandbox = sandbox();
    let code = parameter(&approve(&sandbox, PAGE).await, "code").unwrap();
    let right = || create("demo", &code, NOW_MS);
    for (request, outcome) in [
        (
            right().insert_header(("sign", "00".repeat(32))),
            "refused: wrong signature",
        ),
        (
            right().set_payload(format!(r#"{{"code": "{code}"}}"#)),
            "refused: wrong signature",
        ),
        (
            right().insert_header(("timestamp", "1")),
            "refused: wrong signature",
        ),
        (
            right().insert_header(("appkey", "client-2")),
            "refused: unknown app",
        ),
        (
            right().insert_header(("content-type", "text/plain")),
            "refused: the content type is not JSON",
        ),
        (
            create("demo", &code, NOW_MS - 600_001),
            "refused: stale timestamp",
        ),
        (
            create("demo", &code, NOW_MS + 600_001),
            "refused: stale timestamp",
        ),
        (
            create("demo", &code, NOW_MS / 1000),
            "refused: stale timestamp",
        ),
        (
            signed("/shopline/demo/admin/oauth/token/create", "{}", NOW_MS),
            "refused: the body names no code",
        ),
    ] {
        i18n_code(&sandbox, request).await;
        assert_eq!(outcomes(&sandbox).last(), Some(&outcome));
    }
    assert_eq!(call(&sandbox, right()).await.json().1["code"], 200);
}

#[actix_web::test]
async fn a_refresh_needs_no_token_and_leaves_the_old_one_five_minutes() {
    let sandbox = sandbox();
    assert_eq!(
        i18n_code(&sandbox, refresh(NOW_MS)).await,
        "STORE_NOT_INSTALL_APP"
    );
    let old = authorize(&sandbox).await["accessToken"].clone();
    assert_eq!(
        i18n_code(&sandbox, refresh(NOW_MS)).await,
        "REQUEST_FREQUENTLY"
    );

    sandbox.advance(Duration::from_hours(1));
    let (_, body) = call(&sandbox, refresh(NOW_MS + 3_600_000)).await.json();
    assert_eq!(body["data"]["expireTime"], "2023-11-15T09:13:20.000Z");
    assert_eq!(body["data"]["scope"], "read_orders,read_store_information");
    let new = body["data"]["accessToken"].clone();
    assert_ne!(new, old);

    let check = async |token: &Value| {
        let request = shop_information("demo", token.as_str().unwrap());
        call(&sandbox, request).await.status
    };
    sandbox.advance(Duration::from_secs(299));
    assert_eq!((check(&old).await, check(&new).await), (200, 200));
    sandbox.advance(Duration::from_secs(1));
    assert_eq!((check(&old).await, check(&new).await), (401, 200));
    sandbox.advance(Duration::from_hours(10));
    assert_eq!(check(&new).await, 401);

    sandbox.uninstall(DIALECT, &shop("demo"));
    let now = sandbox.now().timestamp_millis();
    assert_eq!(
        i18n_code(&sandbox, refresh(now)).await,
        "STORE_NOT_INSTALL_APP"
    );
}

#[actix_web::test]
async fn faults_at_the_consent() {
    for (fault, callback_names, token_names, scope) in [
        (
            r#"{"wrong_shop":"other"}"#,
            "other",
            "other",
            "read_orders,read_store_information",
        ),
        (
            r#"{"wrong_shop_in_token":"other"}"#,
            "demo",
            "other",
            "read_orders,read_store_information",
        ),
        (
            r#"{"fewer_scopes":["read_orders","write_all"]}"#,
            "demo",
            "demo",
            "read_orders",
        ),
    ] {
        let sandbox = sandbox();
        script(&sandbox, DIALECT, "consent", fault);
        let callback = approve(&sandbox, PAGE).await;
        assert!(is_rightly_signed(&callback, "sign"));
        assert_eq!(
            parameter(&callback, "handle").as_deref(),
            Some(callback_names)
        );
        let code = parameter(&callback, "code").unwrap();
        let (_, body) = call(&sandbox, create("demo", &code, NOW_MS)).await.json();
        let claims = claims(&body["data"]["accessToken"]);
        assert_eq!(
            claims["domain"],
            format!("https://{token_names}.myshopline.com")
        );
        assert_eq!(body["data"]["scope"], scope);
    }

    let sandbox = sandbox();
    script(&sandbox, DIALECT, "consent", r#""deny""#);
    let denied = approve(&sandbox, PAGE).await;
    assert!(is_rightly_signed(&denied, "sign"));
    assert_eq!(parameter(&denied, "code"), None);

    script(&sandbox, DIALECT, "consent", r#""code_already_used""#);
    let code = parameter(&approve(&sandbox, PAGE).await, "code").unwrap();
    let used = create("demo", &code, NOW_MS);
    assert_eq!(i18n_code(&sandbox, used).await, "OAUTH_CODE_INVALID");

    for (fault, status) in [(r#""server_error""#, 503), (r#""too_many_requests""#, 429)] {
        script(&sandbox, DIALECT, "consent", fault);
        assert_eq!(decide(&sandbox, PAGE, "approve").await.status, status);
    }
    script(&sandbox, DIALECT, "consent", r#""forged""#);
    assert!(!is_rightly_signed(&approve(&sandbox, PAGE).await, "sign"));
    script(&sandbox, DIALECT, "consent", r#""old""#);
    let old = approve(&sandbox, PAGE).await;
    assert!(is_rightly_signed(&old, "sign"));
    assert_eq!(
        parameter(&old, "timestamp"),
        Some((NOW_MS - 3_600_000).to_string())
    );
    script(&sandbox, DIALECT, "consent", r#""duplicated_key""#);
    let doubled = approve(&sandbox, PAGE).await;
    assert!(is_rightly_signed(&doubled, "sign"));
    assert_eq!(doubled.matches("handle=").count(), 2);

    // Each rule came true once: now all is well again.
    assert_eq!(
        authorize(&sandbox).await["scope"],
        "read_orders,read_store_information"
    );
}

#[actix_web::test]
async fn faults_at_the_token_before_it_has_any_effect() {
    let sandbox = sandbox();
    let code = parameter(&approve(&sandbox, PAGE).await, "code").unwrap();
    let right = || create("demo", &code, NOW_MS);

    for (fault, expected) in [
        (r#""deny""#, "STORE_NOT_INSTALL_APP"),
        (r#""code_already_used""#, "OAUTH_CODE_INVALID"),
        (r#""address_refused""#, "REQUEST_NOT_IN_APP_IP_WHITELIST"),
    ] {
        script(&sandbox, DIALECT, "token", fault);
        assert_eq!(i18n_code(&sandbox, right()).await, expected);
    }
    script(&sandbox, DIALECT, "token", r#""ok_with_error""#);
    let expected = (200, json!({"errors": "system error"}));
    assert_eq!(call(&sandbox, right()).await.json(), expected);
    script(&sandbox, DIALECT, "token", r#""server_error""#);
    assert_eq!(call(&sandbox, right()).await.status, 503);
    script(&sandbox, DIALECT, "token", r#""too_many_requests""#);
    assert_eq!(call(&sandbox, right()).await.status, 429);
    script(&sandbox, DIALECT, "token", r#""garbage""#);
    let garbage = call(&sandbox, right()).await;
    assert_eq!(garbage.status, 200);
    assert!(serde_json::from_str::<Value>(&garbage.body).is_err());

    script(
        &sandbox,
        DIALECT,
        "token",
        r#"{"wrong_shop_in_token":"other"}"#,
    );
    let (_, body) = call(&sandbox, right()).await.json();
    let token = &body["data"]["accessToken"];
    assert_eq!(claims(token)["storeId"], shop("other").id().to_string());
    let others = shop_information("other", token.as_str().unwrap());
    assert_eq!(call(&sandbox, others).await.status, 200);
}

#[actix_web::test]
async fn a_slow_answer_is_a_late_one_and_a_lost_answer_never_comes() {
    let sandbox = sandbox();
    let late = parameter(&approve(&sandbox, PAGE).await, "code").unwrap();
    script(&sandbox, DIALECT, "token", r#"{"slow":{"delay_ms":1}}"#);
    let (_, body) = call(&sandbox, create("demo", &late, NOW_MS)).await.json();
    assert_eq!(body["code"], 200);

    // Sixty milliseconds are no proof of "never"; that the call stays open in
    // the log and yet has spent the code is the part that tests rely on.
    let lost = parameter(&approve(&sandbox, PAGE).await, "code").unwrap();
    script(&sandbox, DIALECT, "token", r#""no_answer""#);
    let unanswered = call(&sandbox, create("demo", &lost, NOW_MS));
    let patience = Duration::from_millis(60);
    assert!(tokio::time::timeout(patience, unanswered).await.is_err());
    let calls = sandbox.calls();
    let open = calls.last().unwrap();
    assert_eq!((open.status, open.outcome), (None, "not answered"));
    i18n_code(&sandbox, create("demo", &lost, NOW_MS)).await;
    assert_eq!(
        outcomes(&sandbox).last(),
        Some(&"refused: the code has been used")
    );
}

#[actix_web::test]
async fn a_held_answer_comes_when_it_is_released() {
    let sandbox = sandbox();
    let code = parameter(&approve(&sandbox, PAGE).await, "code").unwrap();
    let hold = Hold::new();
    let rule = Rule {
        dialect: DIALECT,
        shop: None,
        step: Step::Token,
        fault: Fault::Held(hold.clone()),
        sticky: false,
    };
    sandbox.script(rule).unwrap();
    let mut held = pin!(call(&sandbox, create("demo", &code, NOW_MS)));
    tokio::select! {
        biased;
        _ = &mut held => panic!("it was not held"),
        () = hold.reached() => {}
    }
    // It has taken effect.
    i18n_code(&sandbox, create("demo", &code, NOW_MS)).await;
    let used = "refused: the code has been used";
    assert_eq!(outcomes(&sandbox).last(), Some(&used));
    hold.release();
    let (_, body) = held.await.json();
    assert_eq!(body["code"], 200);
}

#[actix_web::test]
async fn faults_at_the_probe() {
    let sandbox = sandbox();
    let token = authorize(&sandbox).await["accessToken"].clone();
    for (fault, status) in [
        (r#""deny""#, 401),
        (r#"{"fewer_scopes":["read_orders"]}"#, 403),
        (r#""server_error""#, 503),
        (r#""too_many_requests""#, 429),
        (r#""ok_with_error""#, 200),
        (r#"{"wrong_shop":"other"}"#, 200),
        (r#""garbage""#, 200),
    ] {
        script(&sandbox, DIALECT, "probe", fault);
        let answer = call(&sandbox, shop_information("demo", token.as_str().unwrap())).await;
        assert_eq!(answer.status, status, "{fault}");
        assert!(!answer.body.contains("demo.myshopline.com"), "{fault}");
    }
}

#[actix_web::test]
async fn a_launch_is_signed_and_scriptable() {
    let sandbox = sandbox();
    let open = || {
        TestRequest::get()
            .uri("/shopline/demo/sandbox/launch?app_url=https%3A%2F%2Fapp.example%2Fopen")
    };
    let launch = call(&sandbox, open()).await;
    assert_eq!(launch.status, 302);
    let location = launch.location.unwrap();
    let expected =
        format!("https://app.example/open?appkey=client-1&handle=demo&timestamp={NOW_MS}&sign=");
    assert!(location.starts_with(&expected), "{location}");
    assert!(is_rightly_signed(&location, "sign"));

    script(&sandbox, DIALECT, "launch", r#""forged""#);
    let forged = call(&sandbox, open()).await.location.unwrap();
    assert!(!is_rightly_signed(&forged, "sign"));

    let nowhere = TestRequest::get().uri("/shopline/demo/sandbox/launch?app_url=javascript:0");
    assert_eq!(call(&sandbox, nowhere).await.status, 400);
}
