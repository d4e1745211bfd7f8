//! The rows of the tables of PingPong's document that the tests beside this do not name: its headers, its
//! fields, and its remarks.

use sandbox::{Fault, Rule, Step};
use serde_json::{Value, json};

use super::{AUTH, request, store_of};
use crate::harness::{
    Answer, Decision, GENSTORE, Institution, SHOPLINE, Store, TestApp, ok, refused,
};

on_both!(
    authorization_is_the_access_token,
    content_type_is_json,
    client_id_is_mandatory_with_64_characters,
    store_id_is_mandatory_with_64_characters,
    seller_id_is_mandatory_where_the_address_names_no_shop,
    auth_type_is_url_or_key,
    auth_info_is_mandatory_for_key_alone,
    token_has_2048_characters,
    api_key_and_api_secret_come_together_or_not_at_all,
    redirect_url_is_optional_with_255_characters,
    redirect_url_with_key_is_checked_and_not_used,
    auth_url_is_answered_for_url_alone,
    one_auth_info_is_not_two_stores,
    a_failed_authorization_is_asked_for_again,
    the_seller_comes_back_with_the_document_s_five_parameters,
);

async fn ask(institution: &Institution, store: &Store, fields: Value) -> (u16, Value) {
    institution.call(AUTH, &store.with(fields)).await
}

/// The answer's code alone.
async fn code(institution: &Institution, store: &Store, fields: Value) -> i64 {
    let (_, answer) = ask(institution, store, fields).await;
    answer["code"].as_i64().expect("every answer has a code")
}

/// The link that was answered.
async fn link(institution: &Institution, store: &Store, fields: Value) -> String {
    let (_, answer) = ask(institution, store, fields).await;
    answer["data"]["auth_url"]
        .as_str()
        .expect("a link")
        .to_owned()
}

async fn send(app: &TestApp, headers: &[(&str, &str)]) -> Answer {
    let mut request = app.http.post(format!("{}{AUTH}", app.base_url)).body("{}");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.send().await.unwrap()).await
}

async fn authorization_is_the_access_token(app: &TestApp) {
    let json = ("content-type", "application/json");
    for headers in [
        &[json][..],
        &[json, ("authorization", "")],
        &[json, ("authorization", "no token of anybody's")],
    ] {
        let answer = send(app, headers).await;
        assert_eq!(answer.whole(), refused(401, "invalid token"), "{headers:?}");
    }
}

async fn content_type_is_json(app: &TestApp) {
    for headers in [&[][..], &[("content-type", "text/plain")]] {
        assert_eq!(send(app, headers).await.status, 415, "{headers:?}");
    }
}

async fn check_id(app: &TestApp, name: &str) {
    let alpha = app.institution("Alpha").await;
    let store = store_of(&alpha, "8288sellerid").await;
    let with = |value: Value| {
        let mut fields = request(&store);
        fields[name] = value;
        fields
    };
    let empty = refused(900_002, &format!("{name} can't be empty"));
    for nothing in [json!(null), json!("")] {
        assert_eq!(alpha.call(AUTH, &with(nothing)).await, empty);
    }
    let long = refused(900_002, &format!("{name} must be at most 64 characters"));
    assert_eq!(alpha.call(AUTH, &with(json!("x".repeat(65)))).await, long);
    let unknown = refused(940_002, "store not exist");
    assert_eq!(
        alpha.call(AUTH, &with(json!("x".repeat(64)))).await,
        unknown
    );
}

async fn client_id_is_mandatory_with_64_characters(app: &TestApp) {
    check_id(app, "client_id").await;
}

async fn store_id_is_mandatory_with_64_characters(app: &TestApp) {
    check_id(app, "store_id").await;
}

async fn seller_id_is_mandatory_where_the_address_names_no_shop(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let client_id = alpha.client("seller").await;
    let store = alpha
        .create(&client_id, "GENSTORE", "https://shop.example")
        .await;
    let missing = "seller_id can't be empty, since store_url names no shop";
    let missing = refused(900_002, missing);
    assert_eq!(
        ask(&alpha, &store, json!({"auth_type": "URL"})).await,
        missing
    );
    let asked = json!({"auth_type": "URL", "seller_id": "x".repeat(65)});
    let long = refused(900_002, "seller_id must be at most 64 characters");
    assert_eq!(ask(&alpha, &store, asked).await, long);
    let asked = json!({"auth_type": "URL", "seller_id": "demo-shop"});
    assert_eq!(code(&alpha, &store, asked).await, 200);
    let named = alpha.store(&GENSTORE, "demo-shop").await;
    assert_eq!(code(&alpha, &named, json!({"auth_type": "URL"})).await, 200);
}

async fn auth_type_is_url_or_key(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = store_of(&alpha, "8288sellerid").await;
    for (value, message) in [
        (json!("url"), "auth_type must be URL or KEY"),
        (json!("OAUTH"), "auth_type must be URL or KEY"),
        (json!(""), "auth_type can't be empty"),
        (json!(null), "auth_type can't be empty"),
    ] {
        let answer = ask(&alpha, &store, json!({"auth_type": value})).await;
        assert_eq!(answer, refused(900_002, message), "{value}");
    }
}

/// A store that is authorized by a token, at a shop that knows the token.
async fn shopify(app: &TestApp, alpha: &Institution) -> Store {
    let client_id = alpha.client(&format!("seller {}", app.now_text())).await;
    let scopes = vec!["read_orders".to_owned()];
    let shop = "demo-shop".parse().unwrap();
    app.sandbox.register_token(shop, TOKEN.into(), scopes);
    let store_url = "https://demo-shop.myshopify.com";
    alpha.create(&client_id, "SHOPIFY", store_url).await
}

const TOKEN: &str = "shpat_0123456789abcdef";

async fn auth_info_is_mandatory_for_key_alone(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let by_key = shopify(app, &alpha).await;
    let missing = "auth_info can't be empty when auth_type is KEY";
    for nothing in [
        json!({"auth_type": "KEY"}),
        json!({"auth_type": "KEY", "auth_info": null}),
    ] {
        assert_eq!(
            ask(&alpha, &by_key, nothing).await,
            refused(900_002, missing)
        );
    }
    let by_url = store_of(&alpha, "8288sellerid").await;
    let both = json!({"auth_type": "URL", "auth_info": {"token": TOKEN}});
    assert_eq!(code(&alpha, &by_url, both).await, 900_002);
}

async fn token_has_2048_characters(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = shopify(app, &alpha).await;
    let with = |token: String| json!({"auth_type": "KEY", "auth_info": {"token": token}});
    let long = refused(900_002, "auth_info.token must be at most 2048 characters");
    assert_eq!(ask(&alpha, &store, with("x".repeat(2049))).await, long);
    assert_eq!(
        ask(&alpha, &store, with("x".repeat(2048))).await,
        ok(json!({}))
    );
    assert_eq!(
        ask(&alpha, &store, with(TOKEN.to_owned())).await,
        ok(json!({}))
    );
    app.settle().await;
    assert_eq!(alpha.status(&store).await.0, "SUCCESS");
}

async fn api_key_and_api_secret_come_together_or_not_at_all(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let client_id = alpha.client("seller").await;
    let store_url = format!("http://{}/woocommerce/demo-shop", app.sandbox_address);
    let by_pair = alpha.create(&client_id, "WOOCOMMERCE", &store_url).await;
    let by_token = shopify(app, &alpha).await;
    let (pair, token) = (
        json!({"api_key": "ck", "api_secret": "cs"}),
        json!({"token": "t"}),
    );
    let both = json!({"token": "t", "api_key": "ck", "api_secret": "cs"});
    for (store, auth_info) in [
        (&by_pair, json!({"api_key": "ck"})),
        (&by_pair, json!({"api_secret": "cs"})),
        (&by_pair, json!({})),
        (&by_pair, token),
        (&by_pair, both.clone()),
        (&by_token, pair.clone()),
        (&by_token, both),
    ] {
        let asked = json!({"auth_type": "KEY", "auth_info": auth_info});
        assert_eq!(code(&alpha, store, asked).await, 900_002, "{auth_info}");
    }
    for name in ["api_key", "api_secret"] {
        let mut auth_info = pair.clone();
        auth_info[name] = "x".repeat(2049).into();
        let message = format!("auth_info.{name} must be at most 2048 characters");
        let asked = json!({"auth_type": "KEY", "auth_info": auth_info});
        let answer = ask(&alpha, &by_pair, asked).await;
        assert_eq!(answer, refused(900_002, &message));
    }
    let asked = json!({"auth_type": "KEY", "auth_info": pair});
    assert_eq!(ask(&alpha, &by_pair, asked).await, ok(json!({})));
    app.settle().await;
}

async fn redirect_url_is_optional_with_255_characters(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = store_of(&alpha, "8288sellerid").await;
    let base = "https://pay.example/";
    let of_length = |length: usize| {
        let path = "x".repeat(length - base.len());
        json!({"auth_type": "URL", "redirect_url": format!("{base}{path}")})
    };
    assert_eq!(code(&alpha, &store, of_length(255)).await, 200);
    let long = refused(900_002, "redirect_url must be at most 255 characters");
    assert_eq!(ask(&alpha, &store, of_length(256)).await, long);

    // Without one the seller's browser stays with us.
    let auth_url = link(&alpha, &store, json!({"auth_type": "URL"})).await;
    let callback = app.approve(&auth_url).await;
    let shown = app.visit(&callback).await;
    assert_eq!((shown.status, shown.header("location")), (200, None));
}

async fn redirect_url_with_key_is_checked_and_not_used(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = shopify(app, &alpha).await;
    let with = |redirect_url: &str| json!({"auth_type": "KEY", "auth_info": {"token": TOKEN}, "redirect_url": redirect_url});
    let elsewhere = with("https://elsewhere.example/done");
    assert_eq!(code(&alpha, &store, elsewhere).await, 900_002);
    let ours = with("https://pay.example/done");
    assert_eq!(ask(&alpha, &store, ours).await, ok(json!({})));
    app.settle().await;
    assert_eq!(alpha.status(&store).await.0, "SUCCESS");
}

async fn auth_url_is_answered_for_url_alone(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let by_url = store_of(&alpha, "8288sellerid").await;
    let auth_url = link(&alpha, &by_url, json!({"auth_type": "URL"})).await;
    assert!(auth_url.starts_with("http"), "{auth_url}");
    let by_key = shopify(app, &alpha).await;
    let asked = json!({"auth_type": "KEY", "auth_info": {"token": TOKEN}});
    assert_eq!(ask(&alpha, &by_key, asked).await, ok(json!({})));
    app.settle().await;
}

async fn one_auth_info_is_not_two_stores(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let (first, second) = (shopify(app, &alpha).await, shopify(app, &alpha).await);
    let asked = json!({"auth_type": "KEY", "auth_info": {"token": TOKEN}});
    assert_eq!(ask(&alpha, &first, asked.clone()).await, ok(json!({})));
    app.settle().await;
    let held = refused(900_003, "seller id already authorized");
    assert_eq!(ask(&alpha, &second, asked).await, held);
}

async fn a_failed_authorization_is_asked_for_again(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = store_of(&alpha, "8288sellerid").await;
    let given = alpha.link(&store).await;
    let callback = app.decide(&given, Decision::Deny).await;
    app.visit(&callback).await;
    let failed = ("FAILED".to_owned(), "USER_DENIED".to_owned());
    assert_eq!(alpha.status(&store).await, failed);
    link(&alpha, &store, request(&store)).await;
    let processing = ("PROCESSING".to_owned(), String::new());
    assert_eq!(alpha.status(&store).await, processing);
}

async fn the_seller_comes_back_with_the_document_s_five_parameters(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = store_of(&alpha, "myshop2023").await;
    let came_back = async |fault: Option<Fault>| {
        if let Some(fault) = fault {
            let rule = Rule {
                dialect: SHOPLINE.dialect,
                shop: None,
                step: Step::Consent,
                fault,
                sticky: false,
            };
            app.sandbox.script(rule).unwrap();
        }
        let fields = json!({
            "auth_type": "URL", "seller_id": "myshop2023", "redirect_url": "https://pay.example/done",
        });
        let callback = app.approve(&link(&alpha, &store, fields).await).await;
        let shown = app.visit(&callback).await;
        shown.header("location").unwrap().to_owned()
    };
    let before = format!(
        "https://pay.example/done?client_id={}&store_id={}&seller_id=myshop2023",
        store.client_id, store.store_id
    );
    let failed = came_back(Some(Fault::Deny)).await;
    assert_eq!(
        failed,
        format!("{before}&auth_status=FAILED&auth_fail_reason=USER_DENIED")
    );
    let succeeded = came_back(None).await;
    assert_eq!(
        succeeded,
        format!("{before}&auth_status=SUCCESS&auth_fail_reason=")
    );
}
