//! What the platform answers when a key is proven.

use std::time::Duration;

use sandbox::{Dialect, Fault, KeyPermission, Rule, Step};
use serde_json::{Value, json};

use super::fail;
use crate::harness::{Institution, Store, TestApp};

on_both!(
    a_refusal,
    a_platform_in_trouble_is_asked_again,
    a_platform_that_never_answers_rightly,
);

const DIALECTS: [Dialect; 2] = [Dialect::Shopify, Dialect::Woocommerce];

/// A store of the dialect with a good key, and the fields that present it.
async fn store(app: &TestApp, alpha: &Institution, dialect: Dialect, shop: &str) -> (Store, Value) {
    let client_id = alpha.client(&format!("owner of {shop}")).await;
    let label = shop.parse().unwrap();
    let (code, store_url, auth_info) = match dialect {
        Dialect::Shopify => {
            let token = format!("shpat_{shop}");
            let scopes = vec!["read_orders".to_owned()];
            app.sandbox
                .register_token(label, token.as_str().into(), scopes);
            let url = format!("https://{shop}.myshopify.com");
            ("SHOPIFY", url, json!({"token": token}))
        }
        Dialect::Woocommerce => {
            let (key, secret) = (format!("ck_{shop}"), format!("cs_{shop}"));
            let permission = KeyPermission::Read;
            app.sandbox
                .register_key(label, &key, secret.as_str().into(), permission);
            let url = format!("http://{}/woocommerce/{shop}", app.sandbox_address);
            let info = json!({"api_key": key, "api_secret": secret});
            ("WOOCOMMERCE", url, info)
        }
        Dialect::Shopline | Dialect::Genstore | Dialect::Cafe24 | Dialect::Multivende => {
            unreachable!("it takes no key")
        }
    };
    let store = alpha.create(&client_id, code, &store_url).await;
    let fields = store.with(json!({"auth_type": "KEY", "auth_info": auth_info}));
    (store, fields)
}

fn script(app: &TestApp, dialect: Dialect, fault: Fault, sticky: bool) {
    let rule = Rule {
        dialect,
        shop: None,
        step: Step::Probe,
        fault,
        sticky,
    };
    app.sandbox.script(rule).unwrap();
}

async fn a_refusal(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    for dialect in DIALECTS {
        let (store, fields) = store(app, &alpha, dialect, "demo-shop").await;
        script(app, dialect, Fault::Deny, false);
        alpha.data("store/auth", &fields).await;
        let event = app.told(&alpha, &endpoint, &store, None).await;
        let told = &event["data"]["fail"];
        assert_eq!(told, &fail("AUTH_INFO_INVALID"), "{dialect:?}");
        app.sandbox.clear_script();
        alpha.data("store/auth", &fields).await;
        let event = app.told(&alpha, &endpoint, &store, None).await;
        assert_eq!(event["type"], "store.auth.succeeded", "{dialect:?}");
    }
}

async fn a_platform_in_trouble_is_asked_again(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    for dialect in DIALECTS {
        for (number, fault) in [
            Fault::ServerError,
            Fault::TooManyRequests,
            Fault::Garbage,
            Fault::OkWithError,
        ]
        .into_iter()
        .enumerate()
        {
            let (store, fields) = store(app, &alpha, dialect, &format!("shop-{number}")).await;
            script(app, dialect, fault.clone(), false);
            alpha.data("store/auth", &fields).await;
            app.settle().await;
            assert_eq!(alpha.status(&store).await.0, "PROCESSING", "{fault:?}");
            app.advance(Duration::from_secs(1));
            let event = app.told(&alpha, &endpoint, &store, None).await;
            assert_eq!(event["type"], "store.auth.succeeded", "{fault:?}");
        }
    }
}

async fn a_platform_that_never_answers_rightly(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    for dialect in DIALECTS {
        let (store, fields) = store(app, &alpha, dialect, "demo-shop").await;
        script(app, dialect, Fault::Garbage, true);
        alpha.data("store/auth", &fields).await;
        app.settle().await;
        app.advance(Duration::from_mins(2));
        let event = app.told(&alpha, &endpoint, &store, None).await;
        let told = &event["data"]["fail"];
        assert_eq!(told, &fail("PLATFORM_UNREACHABLE"), "{dialect:?}");
    }
}
