//! The main job by KEY: a pasted credential is proven by a worker.

use std::time::Duration;

use sandbox::{Dialect, Fault, KeyPermission, Rule, Step};
use serde_json::{Value, json};

use crate::harness::{Institution, Store, TestApp, ok, refused};

on_both!(
    shopify_by_key,
    woocommerce_by_key,
    a_wrong_key_is_told,
    a_key_that_may_not_read_is_told,
    a_key_of_another_shop_is_told,
    a_platform_that_is_down_is_asked_again_until_the_deadline,
    a_platform_that_comes_back_in_time_proves_the_key,
    the_credential_of_another_store_is_refused_at_once,
    blanks_around_a_credential_do_not_make_it_another,
);

const TOKEN: &str = "shpat_0123456789abcdef";

fn token() -> Value {
    json!({"auth_type": "KEY", "auth_info": {"token": TOKEN}})
}

fn key_pair(key: &str, secret: &str) -> Value {
    json!({"auth_type": "KEY", "auth_info": {"api_key": key, "api_secret": secret}})
}

async fn shopify_store(institution: &Institution, shop: &str) -> Store {
    let client_id = institution.client(&format!("owner of {shop}")).await;
    let store_url = format!("https://{shop}.myshopify.com");
    institution.create(&client_id, "SHOPIFY", &store_url).await
}

async fn woocommerce_store(app: &TestApp, institution: &Institution, shop: &str) -> Store {
    let client_id = institution.client(&format!("owner of {shop}")).await;
    institution
        .create(&client_id, "WOOCOMMERCE", &woocommerce_url(app, shop))
        .await
}

fn woocommerce_url(app: &TestApp, shop: &str) -> String {
    format!("http://{}/woocommerce/{shop}", app.sandbox_address)
}

fn register_token(app: &TestApp, shop: &str, scopes: &[&str]) {
    let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
    app.sandbox
        .register_token(shop.parse().unwrap(), TOKEN.into(), scopes);
}

async fn shopify_by_key(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = shopify_store(&alpha, "demo-shop").await;
    register_token(app, "demo-shop", &["read_orders", "write_products"]);

    // The answer has no link, and the result comes later.
    assert_eq!(
        alpha.call("store/auth", &store.with(token())).await,
        ok(json!({}))
    );
    assert_eq!(
        alpha.status(&store).await,
        ("PROCESSING".to_owned(), String::new())
    );

    let event = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    let expected = json!({
        "client_id": store.client_id,
        "store_id": store.store_id,
        "platform": "SHOPIFY",
        "name": "Demo Shop",
        "store_url": "https://demo-shop.myshopify.com",
        "category": "General Categories",
        "seller_id": "demo-shop",
        "shop_identity": "demo-shop.myshopify.com",
        "auth_type": "KEY",
        "auth_status": "SUCCESS",
        "auth_fail_reason": "",
        "scopes": [
            {"scope": "read:orders", "name": "read_orders", "grant": "all", "ids": [], "required": true},
            {"scope": "write:products", "name": "write_products", "grant": "all", "ids": [], "required": false},
        ],
        "authorized_at": "2026-11-21T18:00:00.000Z",
        "health": "HEALTHY",
        "sequence": 1,
        "revision": 3,
        "status": "NORMAL",
    });
    assert_eq!(alpha.call("store/query", &store.ids()).await, ok(expected));
}

async fn woocommerce_by_key(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = woocommerce_store(app, &alpha, "demo-shop").await;
    let shop = "demo-shop".parse().unwrap();
    app.sandbox
        .register_key(shop, "ck_demo", "cs_demo".into(), KeyPermission::ReadWrite);

    let fields = store.with(key_pair("ck_demo", "cs_demo"));
    assert_eq!(alpha.call("store/auth", &fields).await, ok(json!({})));
    let event = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    let expected = json!({
        "client_id": store.client_id,
        "store_id": store.store_id,
        "platform": "WOOCOMMERCE",
        "name": "Demo Shop",
        "store_url": woocommerce_url(app, "demo-shop"),
        "category": "General Categories",
        "shop_identity": woocommerce_url(app, "demo-shop"),
        "auth_type": "KEY",
        "auth_status": "SUCCESS",
        "auth_fail_reason": "",
        "scopes": [
            {"scope": "read:orders", "name": "read_orders", "grant": "all", "ids": [], "required": true},
        ],
        "authorized_at": "2026-11-21T18:00:00.000Z",
        "health": "HEALTHY",
        "sequence": 1,
        "revision": 3,
        "status": "NORMAL",
    });
    assert_eq!(alpha.call("store/query", &store.ids()).await, ok(expected));
}

async fn a_wrong_key_is_told(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let shopify = shopify_store(&alpha, "demo-shop").await;
    let woocommerce = woocommerce_store(app, &alpha, "demo-shop").await;
    let shop = "demo-shop".parse().unwrap();
    app.sandbox
        .register_key(shop, "ck_demo", "cs_demo".into(), KeyPermission::Read);

    for (store, fields) in [
        (&shopify, token()),
        (&woocommerce, key_pair("ck_demo", "cs_other")),
        (&woocommerce, key_pair("ck_other", "cs_demo")),
    ] {
        alpha.data("store/auth", &store.with(fields)).await;
        let event = app.told(&alpha, &endpoint, store, None).await;
        assert_eq!(event["type"], "store.auth.failed");
        let fail = json!({"reason": "AUTH_INFO_INVALID", "who": "institution", "retryable": false});
        assert_eq!(event["data"]["fail"], fail);
        assert_eq!(event["data"]["auth_status"], "FAILED");
    }
}

async fn a_key_that_may_not_read_is_told(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let shopify = shopify_store(&alpha, "demo-shop").await;
    register_token(app, "demo-shop", &["read_products"]);
    let fail = json!({"reason": "SCOPES_INSUFFICIENT", "who": "seller", "retryable": true});

    alpha.data("store/auth", &shopify.with(token())).await;
    let event = app.told(&alpha, &endpoint, &shopify, None).await;
    assert_eq!(
        (&event["type"], &event["data"]["fail"]),
        (&json!("store.auth.failed"), &fail)
    );

    for permission in [KeyPermission::Write, KeyPermission::WeakUser] {
        let store = woocommerce_store(app, &alpha, "demo-shop").await;
        let shop = "demo-shop".parse().unwrap();
        app.sandbox
            .register_key(shop, "ck_demo", "cs_demo".into(), permission);
        alpha
            .data("store/auth", &store.with(key_pair("ck_demo", "cs_demo")))
            .await;
        let event = app.told(&alpha, &endpoint, &store, None).await;
        assert_eq!(event["data"]["fail"], fail, "{permission:?}");
    }
}

async fn a_key_of_another_shop_is_told(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = shopify_store(&alpha, "demo-shop").await;
    register_token(app, "demo-shop", &["read_orders"]);
    let fault = Fault::WrongShop("other-shop".parse().unwrap());
    let rule = Rule {
        fault,
        sticky: false,
        ..sticky_server_error()
    };
    app.sandbox.script(rule).unwrap();
    alpha.data("store/auth", &store.with(token())).await;
    let event = app.told(&alpha, &endpoint, &store, None).await;
    let fail = json!({"reason": "SELLER_MISMATCH", "who": "seller", "retryable": true});
    assert_eq!(event["data"]["fail"], fail);
}

/// Seconds after the beginning at which the platform was asked.
fn asked_at(app: &TestApp, beginning: i64) -> Vec<i64> {
    let calls = app.sandbox.calls();
    let probes = calls
        .iter()
        .filter(|call| call.path.ends_with("/shop.json"));
    probes.map(|call| call.at.timestamp() - beginning).collect()
}

fn sticky_server_error() -> Rule {
    Rule {
        dialect: Dialect::Shopify,
        shop: None,
        step: Step::Probe,
        fault: Fault::ServerError,
        sticky: true,
    }
}

async fn a_platform_that_is_down_is_asked_again_until_the_deadline(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = shopify_store(&alpha, "demo-shop").await;
    register_token(app, "demo-shop", &["read_orders"]);
    app.sandbox.script(sticky_server_error()).unwrap();
    let beginning = app.now().timestamp();

    alpha.data("store/auth", &store.with(token())).await;
    for _ in 0..119 {
        app.settle().await;
        app.advance(Duration::from_secs(1));
    }
    app.settle().await;
    assert_eq!(
        alpha.status(&store).await,
        ("PROCESSING".to_owned(), String::new())
    );
    let until_then = asked_at(app, beginning);
    assert_eq!(until_then, [0, 1, 3, 7, 15, 30, 45, 60, 75, 90, 105]);

    app.advance(Duration::from_secs(1));
    let event = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(event["type"], "store.auth.failed");
    let fail = json!({"reason": "PLATFORM_UNREACHABLE", "who": "platform", "retryable": true});
    assert_eq!(event["data"]["fail"], fail);

    // It is over: nobody asks any more.
    let asked = asked_at(app, beginning).len();
    app.advance(Duration::from_mins(1));
    app.settle().await;
    assert_eq!(asked_at(app, beginning).len(), asked);
}

async fn a_platform_that_comes_back_in_time_proves_the_key(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = shopify_store(&alpha, "demo-shop").await;
    register_token(app, "demo-shop", &["read_orders"]);
    for fault in [Fault::ServerError, Fault::Garbage, Fault::TooManyRequests] {
        let rule = Rule {
            fault,
            sticky: false,
            ..sticky_server_error()
        };
        app.sandbox.script(rule).unwrap();
    }
    alpha.data("store/auth", &store.with(token())).await;
    for wait in [1, 2, 4] {
        app.settle().await;
        assert_eq!(
            alpha.status(&store).await,
            ("PROCESSING".to_owned(), String::new())
        );
        app.advance(Duration::from_secs(wait));
    }
    let event = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(event["type"], "store.auth.succeeded");
}

async fn the_credential_of_another_store_is_refused_at_once(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    let endpoint = beta.endpoint(app, "/beta", &[]).await;
    for shop in ["first", "second"] {
        let shop = shop.parse().unwrap();
        app.sandbox
            .register_key(shop, "ck_demo", "cs_demo".into(), KeyPermission::Read);
    }
    let key = || key_pair("ck_demo", "cs_demo");
    let first = woocommerce_store(app, &alpha, "first").await;
    alpha.data("store/auth", &first.with(key())).await;
    app.settle().await;
    assert_eq!(
        alpha.status(&first).await,
        ("SUCCESS".to_owned(), String::new())
    );

    let second = woocommerce_store(app, &alpha, "second").await;
    let held = refused(900_003, "auth info already authorized");
    assert_eq!(alpha.call("store/auth", &second.with(key())).await, held);
    assert_eq!(
        alpha.status(&second).await,
        ("UNAUTHORIZED".to_owned(), String::new())
    );

    // Another institution learns nothing before the credential is proven.
    let foreign = woocommerce_store(app, &beta, "second").await;
    assert_eq!(
        beta.call("store/auth", &foreign.with(key())).await,
        ok(json!({}))
    );
    let event = app.told(&beta, &endpoint, &foreign, None).await;
    let fail =
        json!({"reason": "SELLER_ALREADY_AUTHORIZED", "who": "institution", "retryable": false});
    assert_eq!(event["data"]["fail"], fail);

    // The loser's claims are nobody's: the shop itself is free for another credential.
    let shop = "second".parse().unwrap();
    app.sandbox
        .register_key(shop, "ck_other", "cs_other".into(), KeyPermission::Read);
    alpha
        .data("store/auth", &second.with(key_pair("ck_other", "cs_other")))
        .await;
    app.settle().await;
    assert_eq!(
        alpha.status(&second).await,
        ("SUCCESS".to_owned(), String::new())
    );
}

async fn blanks_around_a_credential_do_not_make_it_another(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let shop = "first".parse().unwrap();
    app.sandbox
        .register_key(shop, "ck_demo", "cs_demo".into(), KeyPermission::Read);
    let first = woocommerce_store(app, &alpha, "first").await;
    alpha
        .data("store/auth", &first.with(key_pair(" ck_demo", "cs_demo ")))
        .await;
    app.settle().await;
    assert_eq!(
        alpha.status(&first).await,
        ("SUCCESS".to_owned(), String::new())
    );

    let second = woocommerce_store(app, &alpha, "second").await;
    let held = refused(900_003, "auth info already authorized");
    let fields = second.with(key_pair("ck_demo ", " cs_demo"));
    assert_eq!(alpha.call("store/auth", &fields).await, held);
}
