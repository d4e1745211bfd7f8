//! The main job: create, authorize, be told.

use serde_json::json;

use crate::harness::{CAFE24, GENSTORE, PlatformCase, SHOPLINE, SHOPLINE_EU, TestApp, ok, refused};

on_both!(
    shopline_by_url,
    shopline_eu_by_url,
    genstore_by_url,
    cafe24_by_url,
    the_seller_id_is_shown_as_it_was_asked_for,
    platforms_are_listed,
    a_platform_without_an_app_is_not_available,
);

on_postgres_alone!(shopline_by_url, genstore_by_url, cafe24_by_url);

async fn shopline_by_url(app: &TestApp) {
    authorize_by_url(app, SHOPLINE).await;
}

async fn shopline_eu_by_url(app: &TestApp) {
    authorize_by_url(app, SHOPLINE_EU).await;
}

async fn genstore_by_url(app: &TestApp) {
    authorize_by_url(app, GENSTORE).await;
}

async fn cafe24_by_url(app: &TestApp) {
    authorize_by_url(app, CAFE24).await;
}

async fn authorize_by_url(app: &TestApp, case: PlatformCase) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = alpha.store(&case, "demo-shop").await;
    let mut snapshot = json!({
        "client_id": store.client_id,
        "store_id": store.store_id,
        "platform": case.code,
        "name": "Demo Shop",
        "store_url": case.store_url("demo-shop"),
        "category": "General Categories",
        "auth_status": "UNAUTHORIZED",
        "auth_fail_reason": "",
        "sequence": 0,
        "revision": 1,
        "status": "NORMAL",
    });
    assert_eq!(
        alpha.call("store/query", &store.ids()).await,
        ok(snapshot.clone())
    );

    let auth_url = alpha.link(&store).await;
    snapshot["auth_status"] = "PROCESSING".into();
    snapshot["auth_type"] = "URL".into();
    snapshot["revision"] = 2.into();
    assert_eq!(
        alpha.call("store/query", &store.ids()).await,
        ok(snapshot.clone())
    );

    let callback = app.approve(&auth_url).await;
    let shown = app.visit(&callback).await;
    assert_eq!((shown.status, shown.text.as_str()), (303, ""));
    let location = format!(
        "https://pay.example/done?order=7&client_id={}&store_id={}&seller_id=demo-shop\
         &auth_status=SUCCESS&auth_fail_reason=",
        store.client_id, store.store_id
    );
    assert_eq!(shown.header("location"), Some(location.as_str()));

    snapshot["auth_status"] = "SUCCESS".into();
    snapshot["seller_id"] = "demo-shop".into();
    snapshot["shop_identity"] = case.identity("demo-shop").into();
    let (scope, name) = match case.code {
        "CAFE24" => ("read:order", "mall.read_order"),
        _ => ("read:orders", "read_orders"),
    };
    snapshot["scopes"] = json!([
        {"scope": scope, "name": name, "grant": "all", "ids": [], "required": true},
    ]);
    snapshot["authorized_at"] = "2026-11-21T18:00:00.000Z".into();
    match case.code {
        "GENSTORE" => {}
        "CAFE24" => snapshot["expires_at"] = "2026-11-21T20:00:00.000Z".into(),
        _ => snapshot["expires_at"] = "2026-11-22T04:00:00.000Z".into(),
    }
    snapshot["health"] = "HEALTHY".into();
    snapshot["sequence"] = 1.into();
    snapshot["revision"] = 3.into();
    assert_eq!(
        alpha.call("store/query", &store.ids()).await,
        ok(snapshot.clone())
    );

    let event = app.told(&alpha, &endpoint, &store, Some(&location)).await;
    snapshot["fail"] = json!(null);
    snapshot["finished"] = 1_795_284_000_000_i64.into();
    let expected = json!({
        "id": event["id"],
        "type": "store.auth.succeeded",
        "timestamp": "2026-11-21T18:00:00.000Z",
        "data": snapshot,
    });
    assert_eq!(event, expected);
    assert!(event["id"].as_str().unwrap().starts_with("evt_"));
}

/// Labels compare without case; every channel repeats the institution's own spelling.
async fn the_seller_id_is_shown_as_it_was_asked_for(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    for case in [SHOPLINE, GENSTORE] {
        let store = alpha.store(&case, "demo-shop").await;
        let redirect_url = "https://pay.example/done?order=7";
        let asked = store.with(json!({
            "auth_type": "URL", "seller_id": "Demo-SHOP", "redirect_url": redirect_url,
        }));
        let data = alpha.data("store/auth", &asked).await;
        let callback = app.approve(data["auth_url"].as_str().unwrap()).await;
        let shown = app.visit(&callback).await;
        let location = shown.header("location").unwrap();
        assert!(
            location.contains("&seller_id=Demo-SHOP&auth_status=SUCCESS&"),
            "{location}"
        );
        let event = app.told(&alpha, &endpoint, &store, Some(location)).await;
        assert_eq!(event["data"]["seller_id"], "Demo-SHOP");
        assert_eq!(event["data"]["shop_identity"], case.identity("demo-shop"));
    }
}

async fn platforms_are_listed(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let label = "^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
    let shopline = |code: &str, name: &str| {
        json!({
            "code": code,
            "name": name,
            "auth_types": ["URL"],
            "seller_id": {"required": false, "pattern": format!("{label}$"), "example": "demo-shop"},
            "key_shape": null,
            "store_url": {
                "pattern": format!(
                    "^https://{}\\.myshopline\\.com/?$",
                    label.trim_start_matches('^')
                ),
                "example": "https://demo-shop.myshopline.com",
            },
            "scopes": ["read_orders"],
            "lifetimes": {"access_seconds": 36_000},
        })
    };
    let expected = json!([
        {
            "code": "CAFE24",
            "name": "Cafe24",
            "auth_types": ["URL"],
            "seller_id": {
                "required": false,
                "pattern": "^[a-z0-9-]{3,50}(?:/[1-9][0-9]{0,4})?$",
                "example": "demomall",
            },
            "key_shape": null,
            "store_url": {"pattern": null, "example": "https://demomall.cafe24.com"},
            "scopes": ["mall.read_order"],
            "lifetimes": {"access_seconds": 7200},
        },
        {
            "code": "GENSTORE",
            "name": "Genstore",
            "auth_types": ["URL"],
            "seller_id": {
                "required": false,
                "pattern": format!("{label}(?:\\.genmystore\\.com)?$"),
                "example": "demo-shop",
            },
            "key_shape": null,
            "store_url": {"pattern": null, "example": "https://demo-shop.genmystore.com"},
            "scopes": ["read_orders"],
            "lifetimes": {"access_seconds": null},
        },
        {
            "code": "MULTIVENDE",
            "name": "Multivende",
            "auth_types": ["URL"],
            "seller_id": {
                "required": false,
                "pattern": "^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
                "example": "0b7e6a52-6f0d-4c36-9a4e-3d1f5b8c2e70",
            },
            "key_shape": null,
            "store_url": {"pattern": null, "example": "https://shop.example.com"},
            "scopes": ["read:checkouts"],
            "lifetimes": {"access_seconds": 21600},
        },
        {
            "code": "SHOPIFY",
            "name": "Shopify",
            "auth_types": ["KEY"],
            "seller_id": {
                "required": false,
                "pattern": format!("{label}(?:\\.myshopify\\.com)?$"),
                "example": "demo-shop.myshopify.com",
            },
            "key_shape": "token",
            "store_url": {"pattern": null, "example": "https://demo-shop.myshopify.com"},
            "scopes": ["read_orders"],
            "lifetimes": {"access_seconds": null},
        },
        shopline("SHOPLINE", "SHOPLINE"),
        shopline("SHOPLINE_EU", "SHOPLINE EU"),
        {
            "code": "WOOCOMMERCE",
            "name": "WooCommerce",
            "auth_types": ["KEY"],
            "seller_id": {"required": false, "pattern": null, "example": null},
            "key_shape": "api_key_secret",
            "store_url": {"pattern": null, "example": "https://shop.example.com"},
            "scopes": ["read_orders"],
            "lifetimes": {"access_seconds": null},
        },
    ]);
    let listed = alpha.call("platform/list", &json!({})).await;
    assert_eq!(listed, ok(json!({"platforms": expected})));
}

async fn a_platform_without_an_app_is_not_available(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    app.database.execute("DELETE FROM platform_apps").await;
    let not_available = refused(900_002, "platform is not available");
    for (platform, store_url, fields) in [
        (
            "SHOPLINE",
            "https://demo-shop.myshopline.com",
            json!({"auth_type": "URL"}),
        ),
        (
            "GENSTORE",
            "https://demo-shop.genmystore.com",
            json!({"auth_type": "URL"}),
        ),
        (
            "SHOPIFY",
            "https://demo-shop.myshopify.com",
            json!({"auth_type": "KEY", "auth_info": {"token": "t"}}),
        ),
    ] {
        let client_id = alpha.client("seller").await;
        let store = alpha.create(&client_id, platform, store_url).await;
        let answer = alpha.call("store/auth", &store.with(fields)).await;
        assert_eq!(answer, not_available, "{platform}");
        assert_eq!(
            alpha.status(&store).await,
            ("UNAUTHORIZED".to_owned(), String::new())
        );
    }
}
