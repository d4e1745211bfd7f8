//! What stands before every call: paths, sizes, types, tokens and rates, in this order.

use std::num::NonZeroU32;
use std::time::Duration;

use broker::Operator;
use secrecy::ExposeSecret;
use serde_json::json;
use server::{Rate, RateOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{Answer, Institution, PATIENCE, Setup, TestApp, ok, refused};

on_both!(
    checks_come_in_order,
    a_token_comes_bare_or_after_bearer,
    tokens_end_after_two_hours,
    a_wrong_client_gets_no_token,
    a_secret_is_rotated_with_an_overlap,
    a_body_that_is_too_large_is_not_read,
    every_answer_has_a_request_id,
    machines_are_answered,
);

async fn checks_come_in_order(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let large = vec![b' '; 64 * 1024 + 1];
    let json = || ("content-type", "application/json".to_owned());
    let token = || ("authorization", alpha.token.clone());
    let nowhere = format!("{}/v1/store/frobnicate", app.base_url);
    let register = format!("{}/v1/client/register", app.base_url);

    // Each request has every fault that is looked for later.
    let unknown = Answer::of(
        app.http
            .get(&nowhere)
            .body(large.clone())
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(unknown.whole(), refused(404, "Not Found"));
    let get = Answer::of(
        app.http
            .get(&register)
            .body(large.clone())
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(get.whole(), refused(405, "Method Not Allowed"));
    assert_eq!(get.header("allow"), Some("POST"));
    let answer = alpha.post("/v1/client/register", vec![], large).await;
    assert_eq!(answer.whole(), refused(413, "Payload Too Large"));
    let answer = alpha
        .post("/v1/client/register", vec![], b"{".to_vec())
        .await;
    assert_eq!(answer.whole(), refused(415, "Unsupported Media Type"));
    let answer = alpha
        .post("/v1/client/register", vec![json()], b"{".to_vec())
        .await;
    assert_eq!(answer.whole(), refused(401, "invalid token"));
    let answer = alpha
        .post("/v1/client/register", vec![json(), token()], b"{".to_vec())
        .await;
    let unsigned = refused(
        401,
        "invalid signature: the Signature-Input header is missing",
    );
    assert_eq!(answer.whole(), unsigned);
    let answer = alpha.send(&alpha.signing("client/register", "{")).await;
    assert_eq!(
        answer.whole(),
        refused(900_002, "the body is not valid JSON (line 1, column 1)")
    );
}

async fn a_token_comes_bare_or_after_bearer(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let token = alpha.token.clone();
    for authorization in [
        token.clone(),
        format!("Bearer {token}"),
        format!("bearer {token}"),
        format!("BEARER  {token}"),
    ] {
        let mut signing = alpha.signing("store/list", "");
        signing.authorization = authorization;
        let listed = ok(json!({"stores": [], "next_cursor": null}));
        assert_eq!(
            alpha.send(&signing).await.whole(),
            listed,
            "{}",
            signing.authorization
        );
    }
    for authorization in [
        "Bearer",
        "Bearer ",
        &format!("Basic {token}"),
        &format!("{token}x"),
        "x y z",
        "",
    ] {
        let mut signing = alpha.signing("store/list", "");
        signing.authorization = authorization.to_owned();
        let invalid = refused(401, "invalid token");
        assert_eq!(
            alpha.send(&signing).await.whole(),
            invalid,
            "{authorization}"
        );
    }
    let mut headers = alpha.signing("store/list", "").headers();
    headers.push(("authorization", alpha.token.clone()));
    let twice = alpha.post("/v1/store/list", headers, Vec::new()).await;
    assert_eq!(twice.whole(), refused(401, "invalid token"));
}

async fn tokens_end_after_two_hours(app: &TestApp) {
    let mut alpha = app.institution("Alpha").await;
    let first = alpha.clone();
    app.advance(Duration::from_secs(7199));
    alpha.renew_token().await;
    assert_ne!(first.token, alpha.token);
    // Several live at once.
    assert_eq!(first.answer("store/list", &json!({})).await.status, 200);
    app.advance(Duration::from_secs(1));
    let ended = first.call("store/list", &json!({})).await;
    assert_eq!(ended, refused(401, "invalid token"));
    assert_eq!(alpha.answer("store/list", &json!({})).await.status, 200);
}

async fn a_wrong_client_gets_no_token(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    let invalid = refused(401, "invalid client");
    for (app_id, secret) in [
        (alpha.app_id.as_str(), beta.secret.as_str()),
        (beta.app_id.as_str(), alpha.secret.as_str()),
        ("app_nobody", alpha.secret.as_str()),
        (alpha.app_id.as_str(), "wrong"),
    ] {
        assert_eq!(alpha.ask_token(app_id, secret).await.whole(), invalid);
    }
    let answer = alpha.ask_token(&alpha.app_id, &alpha.secret).await;
    let (status, body) = answer.whole();
    let token = &body["access_token"];
    let flat = json!({
        "access_token": token, "token_type": "Bearer", "scope": "all", "expires_in": 7200,
    });
    assert_eq!((status, &body), (200, &flat));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

async fn a_secret_is_rotated_with_an_overlap(app: &TestApp) {
    let mut old = app.institution("Alpha").await;
    let hour = Duration::from_hours(1);
    let secret = app
        .process
        .broker
        .rotate_secret(&Operator, &old.app_id, hour)
        .await
        .unwrap();
    let mut new = Institution::enter(app, &old.app_id, secret.expose_secret()).await;
    // One app has one set of nonces.
    for number in 0..3 {
        let fields = json!({"partner_user_id": number.to_string()});
        for institution in [&old, &new] {
            let mut signing = institution.signing("client/register", fields.to_string());
            let nonce = format!("{number}-{}", institution.secret);
            signing.parameters = institution.parameters(app.now().timestamp(), &nonce);
            assert_eq!(institution.send(&signing).await.status, 200);
        }
        // Both go on until the overlap is over.
        app.advance(Duration::from_millis(1_199_999));
    }
    old.renew_token().await;
    app.advance(Duration::from_millis(3));
    let mismatch = refused(401, "invalid signature: the signature does not match");
    assert_eq!(old.call("store/list", &json!({})).await, mismatch);
    let answer = old.ask_token(&old.app_id, &old.secret).await;
    assert_eq!(answer.whole(), refused(401, "invalid client"));
    assert_eq!(new.answer("store/list", &json!({})).await.status, 200);
    new.renew_token().await;
    // A token that the old secret bought lives on: it is the app's.
    new.token.clone_from(&old.token);
    assert_eq!(new.answer("store/list", &json!({})).await.status, 200);
}

/// Writes a request as it is, and reads until the server has said enough.
async fn raw(app: &TestApp, request: &[u8]) -> String {
    let address = app.base_url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let reading = async {
        let mut answer = Vec::new();
        let mut chunk = [0; 4096];
        while !answer.ends_with(b"}") {
            let length = stream.read(&mut chunk).await.unwrap();
            if length == 0 {
                break;
            }
            answer.extend_from_slice(&chunk[..length]);
        }
        String::from_utf8(answer).unwrap()
    };
    timeout(PATIENCE, reading)
        .await
        .expect("the server answers early")
}

async fn a_body_that_is_too_large_is_not_read(app: &TestApp) {
    let head = "POST /v1/client/register HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let body = r#"{"code":413,"message":"Payload Too Large","data":null}"#;
    // Announced: refused before the first byte of it.
    let announced = raw(
        app,
        format!("{head}content-length: 10485760\r\n\r\n").as_bytes(),
    )
    .await;
    assert!(announced.starts_with("HTTP/1.1 413 "), "{announced}");
    assert!(announced.ends_with(body), "{announced}");
    // Unannounced: refused as soon as it is too large.
    let mut chunked = format!("{head}transfer-encoding: chunked\r\n\r\n10001\r\n").into_bytes();
    chunked.extend(vec![b' '; 0x10001]);
    chunked.extend_from_slice(b"\r\n");
    let unannounced = raw(app, &chunked).await;
    assert!(unannounced.starts_with("HTTP/1.1 413 "), "{unannounced}");
    assert!(unannounced.ends_with(body), "{unannounced}");
    // The largest is read.
    let largest = raw(
        app,
        format!("{head}content-length: 65536\r\n\r\n{}", " ".repeat(65536)).as_bytes(),
    )
    .await;
    assert!(
        largest.ends_with(r#"{"code":401,"message":"invalid token","data":null}"#),
        "{largest}"
    );
}

async fn every_answer_has_a_request_id(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let mut ids = Vec::new();
    for url in [
        "/healthz",
        "/nowhere",
        "/v1/store/list",
        "/v1/auth/shopline/callback",
        "/docs/",
    ] {
        let answer = app.visit(&format!("{}{url}", app.base_url)).await;
        ids.push(answer.header("x-request-id").unwrap().to_owned());
    }
    let answer = alpha.answer("store/list", &json!({})).await;
    ids.push(answer.header("x-request-id").unwrap().to_owned());
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

async fn machines_are_answered(app: &TestApp) {
    for path in ["/healthz", "/readyz"] {
        let answer = app.visit(&format!("{}{path}", app.base_url)).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "ok"), "{path}");
    }
    let document = app.visit(&format!("{}/openapi.json", app.base_url)).await;
    let (status, document) = document.whole();
    assert_eq!(
        (status, &document["info"]["title"]),
        (200, &json!("Shopgrant"))
    );
}

/// With limits that three calls use up, and that one second refills by one.
mod limited {
    use super::*;

    on_both!(with limits: a_rate_limit_spends_nothing, the_token_call_is_limited_by_address);

    fn limits() -> Setup {
        let rate = Rate {
            per_second: NonZeroU32::new(1).unwrap(),
            burst: NonZeroU32::new(3).unwrap(),
        };
        Setup {
            rate: RateOptions {
                per_institution: rate,
                per_address: rate,
            },
            ..Setup::default()
        }
    }

    async fn a_rate_limit_spends_nothing(app: &TestApp) {
        let (alpha, beta) = (
            app.institution("Alpha").await,
            app.institution("Beta").await,
        );
        for _ in 0..3 {
            assert_eq!(alpha.answer("store/list", &json!({})).await.status, 200);
        }
        let mut signing = alpha.signing("client/register", r#"{"partner_user_id":"seller"}"#);
        signing.idempotency_key = Some("key-1".to_owned());
        signing.covered.push("idempotency-key");
        let answer = alpha.send(&signing).await;
        assert_eq!(answer.whole(), refused(429, "Too Many Requests"));
        assert_eq!(answer.header("retry-after"), Some("1"));

        // Before it comes the signature, after it the fields.
        let mut wrong = alpha.signing("client/register", "{}");
        wrong.secret.push('x');
        let mismatch = refused(401, "invalid signature: the signature does not match");
        assert_eq!(alpha.send(&wrong).await.whole(), mismatch);
        let unknown = alpha
            .answer("client/register", &json!({"unknown": 1}))
            .await;
        assert_eq!(unknown.status, 429);
        // It is one institution's limit.
        assert_eq!(beta.answer("store/list", &json!({})).await.status, 200);

        // The very same request is good a second later: its nonce was not spent.
        app.advance(Duration::from_secs(1));
        assert_eq!(alpha.send(&signing).await.status, 200);
        assert_eq!(alpha.send(&signing).await.status, 429);
        app.advance(Duration::from_secs(1));
        assert_eq!(
            alpha.send(&signing).await.whole(),
            refused(401, "nonce already used")
        );
    }

    async fn the_token_call_is_limited_by_address(app: &TestApp) {
        // This one takes a token.
        let alpha = app.institution("Alpha").await;
        for _ in 0..2 {
            assert_eq!(alpha.ask_token("app_nobody", "wrong").await.status, 401);
        }
        let answer = alpha.ask_token(&alpha.app_id, &alpha.secret).await;
        assert_eq!(answer.whole(), refused(429, "Too Many Requests"));
        assert_eq!(answer.header("retry-after"), Some("1"));
        // A seller's browser shares its address with nobody's signed calls.
        let page = app
            .visit(&format!("{}/v1/auth/shopline/callback", app.base_url))
            .await;
        assert_eq!((page.status, page.header("retry-after")), (429, Some("1")));
        assert!(
            page.text.contains("<h1>One moment, please</h1>"),
            "{}",
            page.text
        );
        assert_eq!(alpha.answer("store/list", &json!({})).await.status, 200);
        app.advance(Duration::from_secs(1));
        assert_eq!(
            alpha.ask_token(&alpha.app_id, &alpha.secret).await.status,
            200
        );
    }
}
