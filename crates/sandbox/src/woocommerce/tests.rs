use actix_web::test::TestRequest;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::testing::{call, sandbox, script, shop};
use crate::{Dialect, KeyPermission, Sandbox};

const STATUS: &str = "/woocommerce/demo/wp-json/wc/v3/system_status?_fields=environment";
const ORDERS: &str = "/woocommerce/demo/wp-json/wc/v3/orders?per_page=1&_fields=id";

fn sandbox_with_keys() -> Sandbox {
    let sandbox = sandbox();
    for (key, permission) in [
        ("ck_read", KeyPermission::Read),
        ("ck_write", KeyPermission::Write),
        ("ck_both", KeyPermission::ReadWrite),
        ("ck_weak", KeyPermission::WeakUser),
    ] {
        sandbox.register_key(shop("demo"), key, "cs_made_up".into(), permission);
    }
    sandbox
}

fn get(uri: &str, key: &str, secret: &str) -> TestRequest {
    let basic = BASE64_STANDARD.encode(format!("{key}:{secret}"));
    TestRequest::get()
        .uri(uri)
        .insert_header(("host", "127.0.0.1:9100"))
        .insert_header(("authorization", format!("Basic {basic}")))
}

/// The status and the `code` that explains it.
async fn refusal(sandbox: &Sandbox, request: TestRequest) -> (u16, String) {
    let (status, body) = call(sandbox, request).await.json();
    assert_eq!(body["data"]["status"], json!(status));
    (status, body["code"].as_str().unwrap().to_owned())
}

#[actix_web::test]
async fn a_registered_key_tells_which_shop_it_opens() {
    let sandbox = sandbox_with_keys();
    let url = "http://127.0.0.1:9100/woocommerce/demo";
    for key in ["ck_read", "ck_both"] {
        let status = call(&sandbox, get(STATUS, key, "cs_made_up")).await;
        let expected =
            json!({"environment": {"home_url": url, "site_url": url, "version": "9.8.1"}});
        assert_eq!(status.json(), (200, expected));
        let orders = call(&sandbox, get(ORDERS, key, "cs_made_up")).await;
        assert_eq!(orders.json(), (200, json!([{"id": 1}])));
    }
}

#[actix_web::test]
async fn the_code_tells_a_wrong_key_from_a_weak_one_and_from_none() {
    let sandbox = sandbox_with_keys();
    let authentication = || "woocommerce_rest_authentication_error".to_owned();
    let view = || "woocommerce_rest_cannot_view".to_owned();
    for uri in [STATUS, ORDERS] {
        for (request, expected) in [
            (get(uri, "ck_none", "cs_made_up"), (401, authentication())),
            (get(uri, "ck_read", "cs_wrong"), (401, authentication())),
            (get(uri, "ck_write", "cs_made_up"), (401, authentication())),
            (get(uri, "ck_weak", "cs_made_up"), (403, view())),
            (TestRequest::get().uri(uri), (401, view())),
            (
                TestRequest::get()
                    .uri(uri)
                    .insert_header(("authorization", "Basic ???")),
                (401, view()),
            ),
        ] {
            assert_eq!(refusal(&sandbox, request).await, expected);
        }
    }
    let elsewhere = STATUS.replace("/demo/", "/other/");
    let request = get(&elsewhere, "ck_read", "cs_made_up");
    assert_eq!(refusal(&sandbox, request).await, (401, authentication()));
    for path in ["/wp-json/wc/v3/products", "/wp-json/wc/v1/orders", "/"] {
        let request = get(&format!("/woocommerce/demo{path}"), "ck_read", "cs_made_up");
        assert_eq!(
            refusal(&sandbox, request).await,
            (404, "rest_no_route".to_owned())
        );
    }
}

#[actix_web::test]
async fn a_shop_that_strips_the_header_still_reads_the_query() {
    let sandbox = sandbox_with_keys();
    sandbox.strip_authorization(shop("demo"));
    let expected = (401, "woocommerce_rest_cannot_view".to_owned());
    assert_eq!(
        refusal(&sandbox, get(STATUS, "ck_read", "cs_made_up")).await,
        expected
    );
    let uri = format!("{STATUS}&consumer_key=ck_read&consumer_secret=cs_made_up");
    assert_eq!(
        call(&sandbox, TestRequest::get().uri(&uri)).await.status,
        200
    );
}

#[actix_web::test]
async fn faults_at_the_probe() {
    let sandbox = sandbox_with_keys();
    for (fault, status, said) in [
        (r#""deny""#, 401, "woocommerce_rest_authentication_error"),
        (
            r#"{"fewer_scopes":[]}"#,
            403,
            "woocommerce_rest_cannot_view",
        ),
        (r#""ok_with_error""#, 200, "woocommerce_rest_cannot_view"),
        (r#"{"wrong_shop":"other"}"#, 200, "/woocommerce/other"),
        (r#""server_error""#, 503, ""),
        (r#""garbage""#, 200, "<html>"),
    ] {
        script(&sandbox, Dialect::Woocommerce, "probe", fault);
        let answer = call(&sandbox, get(STATUS, "ck_read", "cs_made_up")).await;
        assert_eq!(answer.status, status, "{fault}");
        assert!(answer.body.contains(said), "{fault}");
        assert!(!answer.body.contains("/woocommerce/demo"), "{fault}");
    }
    sandbox.uninstall(Dialect::Woocommerce, &shop("demo"));
    assert_eq!(
        call(&sandbox, get(STATUS, "ck_read", "cs_made_up"))
            .await
            .status,
        401
    );
}
