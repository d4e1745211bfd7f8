//! `Idempotency-Key`: a call that comes twice counts once, and is answered the same.

use std::time::Duration;

use sandbox::Dialect;
use serde_json::{Value, json};

use crate::harness::{Institution, SHOPLINE, Store, TestApp, ok, refused};

on_both!(
    the_stored_answer_comes_again,
    an_endpoint_is_created_once,
    another_body_is_refused,
    a_dead_link_is_not_answered_again,
    a_key_belongs_to_one_institution_and_one_call,
    what_changed_nothing_is_not_stored,
    an_answer_is_kept_for_a_day,
    a_key_that_is_no_key_is_refused,
);

async fn creation(institution: &Institution, shop: &str) -> Value {
    json!({
        "client_id": institution.client("seller").await,
        "platform": "SHOPLINE",
        "store_url": format!("https://{shop}.myshopline.com"),
        "name": "Demo",
        "category": "Shoes",
    })
}

async fn the_stored_answer_comes_again(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let fields = creation(&alpha, "demo-shop").await;
    let created = alpha.answer_once("store/create", &fields, "k").await;
    assert_eq!(
        alpha.answer_once("store/create", &fields, "k").await.text,
        created.text
    );
    let listed = alpha.data("store/list", &json!({})).await;
    assert_eq!(listed["stores"].as_array().unwrap().len(), 1);

    let store = Store {
        client_id: fields["client_id"].as_str().unwrap().to_owned(),
        store_id: created.data()["store_id"].as_str().unwrap().to_owned(),
        seller_id: None,
    };
    let asked = store.with(json!({"auth_type": "URL"}));
    let first = alpha.answer_once("store/auth", &asked, "k").await;
    assert!(first.data()["auth_url"].is_string());
    assert_eq!(
        alpha.answer_once("store/auth", &asked, "k").await.text,
        first.text
    );
    assert_eq!(
        alpha.query(&store).await["revision"],
        2,
        "nothing was superseded"
    );

    let unbound = alpha.answer_once("store/unbind", &store.ids(), "k").await;
    assert_eq!(unbound.whole(), ok(json!(null)));
    assert_eq!(
        alpha
            .answer_once("store/unbind", &store.ids(), "k")
            .await
            .text,
        unbound.text
    );
    let gone = refused(940_002, "store not exist");
    assert_eq!(alpha.call("store/unbind", &store.ids()).await, gone);
}

async fn an_endpoint_is_created_once(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let fields = json!({"url": app.receiver.url("/alpha"), "event_types": ["store.unbound"]});
    let created = alpha.answer_once("webhook/create", &fields, "k").await;
    app.settle().await;
    app.advance(Duration::from_mins(1));
    let again = alpha.answer_once("webhook/create", &fields, "k").await;
    assert_eq!(again.text, created.text, "the secret too");
    app.settle().await;
    let secret = created.data()["secret"].as_str().unwrap().to_owned();
    assert_eq!(
        app.receiver.take_one().verified(&secret)["type"],
        "endpoint.test"
    );
    let listed = alpha.data("webhook/list", &json!({})).await;
    assert_eq!(listed["endpoints"].as_array().unwrap().len(), 1);
    let reused = refused(900_002, "Idempotency-Key was used with another body");
    let other = json!({"url": app.receiver.url("/other")});
    assert_eq!(
        alpha
            .answer_once("webhook/create", &other, "k")
            .await
            .whole(),
        reused
    );
}

async fn another_body_is_refused(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let fields = creation(&alpha, "demo-shop").await;
    alpha.answer_once("store/create", &fields, "k").await.data();
    let reused = refused(900_002, "Idempotency-Key was used with another body");
    let other = creation(&alpha, "other-shop").await;
    assert_eq!(
        alpha.answer_once("store/create", &other, "k").await.whole(),
        reused
    );
    // The bytes count, not what they mean.
    let mut spaced = alpha.signing("store/create", format!("{fields} "));
    spaced.idempotency_key = Some("k".to_owned());
    spaced.covered.push("idempotency-key");
    assert_eq!(alpha.send(&spaced).await.whole(), reused);
}

async fn a_dead_link_is_not_answered_again(app: &TestApp) {
    let mut alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let asked = store.with(json!({"auth_type": "URL"}));
    let ask = async |alpha: &Institution| {
        let answer = alpha.answer_once("store/auth", &asked, "k").await;
        answer.data()["auth_url"].as_str().unwrap().to_owned()
    };
    let first = ask(&alpha).await;
    // Superseded.
    alpha.data("store/auth", &asked).await;
    let second = ask(&alpha).await;
    assert_ne!(second, first);
    assert_eq!(ask(&alpha).await, second);
    // Used, without success.
    app.visit(&app.decide(&second, crate::harness::Decision::Deny).await)
        .await;
    let third = ask(&alpha).await;
    assert_ne!(third, second);
    // Past its deadline, within the key's day.
    app.advance(Duration::from_secs(24 * 3600 - 1));
    alpha.renew_token().await;
    assert_eq!(ask(&alpha).await, third);
    app.advance(Duration::from_secs(1));
    assert_ne!(ask(&alpha).await, third);
    // Used, with success.
    let last = ask(&alpha).await;
    app.visit(&app.approve(&last).await).await;
    let repeated = refused(900_004, "repeat authorized");
    assert_eq!(
        alpha.answer_once("store/auth", &asked, "k").await.whole(),
        repeated
    );
}

async fn a_key_belongs_to_one_institution_and_one_call(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    let (ours, theirs) = (
        creation(&alpha, "demo-shop").await,
        creation(&beta, "demo-shop").await,
    );
    let created = alpha.answer_once("store/create", &ours, "k").await.data();
    assert_ne!(
        beta.answer_once("store/create", &theirs, "k").await.data(),
        created
    );
    let store = Store {
        client_id: ours["client_id"].as_str().unwrap().to_owned(),
        store_id: created["store_id"].as_str().unwrap().to_owned(),
        seller_id: None,
    };
    let unbound = alpha.answer_once("store/unbind", &store.ids(), "k").await;
    assert_eq!(unbound.whole(), ok(json!(null)));
}

async fn what_changed_nothing_is_not_stored(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    app.visit(&callback).await;
    let asked = store.with(json!({"auth_type": "URL"}));
    let repeated = refused(900_004, "repeat authorized");
    assert_eq!(
        alpha.answer_once("store/auth", &asked, "k").await.whole(),
        repeated
    );
    // The grant ends, and the same call with the same key does what it could not do before.
    let shop = "demo-shop".parse().unwrap();
    app.sandbox.uninstall(Dialect::Shopline, &shop);
    app.advance(Duration::from_hours(10));
    app.settle().await;
    let mut alpha = alpha;
    alpha.renew_token().await;
    let answer = alpha.answer_once("store/auth", &asked, "k").await;
    assert!(answer.data()["auth_url"].is_string());
}

async fn an_answer_is_kept_for_a_day(app: &TestApp) {
    let mut alpha = app.institution("Alpha").await;
    let fields = creation(&alpha, "demo-shop").await;
    let created = alpha.answer_once("store/create", &fields, "k").await.data();
    app.advance(Duration::from_secs(24 * 3600 - 1));
    alpha.renew_token().await;
    app.process.broker.retention_step().await.unwrap();
    assert_eq!(
        alpha.answer_once("store/create", &fields, "k").await.data(),
        created
    );
    app.advance(Duration::from_secs(1));
    assert_ne!(
        alpha.answer_once("store/create", &fields, "k").await.data(),
        created
    );
}

async fn a_key_that_is_no_key_is_refused(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let fields = creation(&alpha, "demo-shop").await;
    let longest = "k".repeat(255);
    for key in ["", "two words", "k".repeat(256).as_str()] {
        let answer = alpha.answer_once("store/create", &fields, key).await;
        let no_key = "Idempotency-Key must be 1 to 255 visible ASCII characters";
        assert_eq!(answer.whole(), refused(900_002, no_key), "{key:?}");
    }
    alpha
        .answer_once("store/create", &fields, &longest)
        .await
        .data();
}
