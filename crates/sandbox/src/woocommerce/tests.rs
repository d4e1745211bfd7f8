use actix_web::test::TestRequest;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::testing::{call, decide, sandbox, script, shop};
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

const AUTHORIZE: &str = "/woocommerce/demo/wc-auth/v1/authorize?app_name=Alpha+%3CPay%3E&scope=read\
    &user_id=s-1&return_url=http%3A%2F%2F127.0.0.1%3A1%2Freturn%3Fa%3D1\
    &callback_url=http%3A%2F%2F127.0.0.1%3A";

/// An app that answers with this status, and what it is sent.
fn app_that_answers(status: u16) -> (u16, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let (sent, received) = tokio::sync::mpsc::unbounded_channel();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = actix_web::HttpServer::new(move || {
        let sent = sent.clone();
        let take = move |body: String| {
            sent.send(body).unwrap();
            async move { actix_web::HttpResponse::build(status.try_into().unwrap()).finish() }
        };
        actix_web::App::new().route("/keys", actix_web::web::post().to(take))
    });
    let server = server.workers(1).disable_signals();
    actix_web::rt::spawn(server.listen(listener).unwrap().run());
    (port, received)
}

#[actix_web::test]
async fn a_manager_lets_an_app_have_a_key() {
    let sandbox = sandbox();
    let (port, mut received) = app_that_answers(200);
    let page = format!("{AUTHORIZE}{port}%2Fkeys");
    let shown = call(&sandbox, TestRequest::get().uri(&page)).await;
    assert_eq!(shown.status, 200);
    assert!(
        shown
            .body
            .contains("Alpha &lt;Pay&gt; would like to connect")
    );
    assert!(received.try_recv().is_err(), "looking sends nothing");

    let approved = decide(&sandbox, &page, "approve").await;
    let location = "http://127.0.0.1:1/return?a=1&success=1&user_id=s-1";
    assert_eq!(
        (approved.status, approved.location.as_deref()),
        (303, Some(location))
    );
    let sent: serde_json::Value = serde_json::from_str(&received.try_recv().unwrap()).unwrap();
    let text = |name: &str| sent[name].as_str().unwrap().to_owned();
    assert_eq!(
        (text("user_id"), text("key_permissions")),
        ("s-1".to_owned(), "read".to_owned())
    );
    let (key, secret) = (text("consumer_key"), text("consumer_secret"));
    assert!(key.starts_with("ck_") && key.len() == 43, "{key}");
    assert!(secret.starts_with("cs_") && secret.len() == 43, "{secret}");
    let status = call(&sandbox, get(STATUS, &key, &secret)).await;
    assert_eq!(status.status, 200, "the key is good");

    let denied = decide(&sandbox, &page, "deny").await;
    let location = "http://127.0.0.1:1/return?a=1&success=0&user_id=s-1";
    assert_eq!(
        (denied.status, denied.location.as_deref()),
        (303, Some(location))
    );
    assert!(received.try_recv().is_err());
}

#[actix_web::test]
async fn a_key_that_the_app_does_not_take_is_deleted() {
    for status in [201, 204, 401, 500] {
        let sandbox = sandbox();
        let (port, mut received) = app_that_answers(status);
        let page = format!("{AUTHORIZE}{port}%2Fkeys");
        let refused = decide(&sandbox, &page, "approve").await;
        assert_eq!((refused.status, refused.location), (401, None), "{status}");
        let sent: serde_json::Value = serde_json::from_str(&received.try_recv().unwrap()).unwrap();
        let (key, secret) = (&sent["consumer_key"], &sent["consumer_secret"]);
        let status = get(STATUS, key.as_str().unwrap(), secret.as_str().unwrap());
        assert_eq!(call(&sandbox, status).await.status, 401);
    }
    let page = format!("{AUTHORIZE}1%2Fkeys");
    assert_eq!(
        decide(&sandbox(), &page, "approve").await.status,
        401,
        "nobody listens"
    );
}

#[actix_web::test]
async fn an_app_must_ask_for_everything_and_be_reached_safely() {
    let sandbox = sandbox();
    let page = format!("{AUTHORIZE}1%2Fkeys");
    for (part, other) in [
        ("app_name=Alpha+%3CPay%3E&", ""),
        ("user_id=s-1&", ""),
        ("scope=read&", "scope=all&"),
        ("http%3A%2F%2F127.0.0.1%3A1%2Freturn%3Fa%3D1", "nowhere"),
        ("&callback_url=http", "&callback_url="),
        (
            "callback_url=http%3A%2F%2F127.0.0.1",
            "callback_url=http%3A%2F%2Fapp.example",
        ),
    ] {
        let changed = page.replace(part, other);
        assert_ne!(changed, page);
        let shown = call(&sandbox, TestRequest::get().uri(&changed)).await;
        assert_eq!(shown.status, 401, "{part}");
        assert_eq!(
            decide(&sandbox, &changed, "approve").await.status,
            401,
            "{part}"
        );
    }
    let https = page.replace(
        "http%3A%2F%2F127.0.0.1%3A1%2Fkeys",
        "https%3A%2F%2Fapp.example%2Fkeys",
    );
    assert_eq!(
        call(&sandbox, TestRequest::get().uri(&https)).await.status,
        200
    );
}
