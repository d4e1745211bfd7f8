//! Many at once: one wins, and everybody is told the truth.

use broker::Broker;
use sandbox::{Dialect, Fault, KeyPermission, Rule, Step};
use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::{Answer, Institution, SHOPLINE, Store, TestApp, ok, refused};

on_both!(
    one_credential_for_64_stores,
    one_shop_for_64_stores,
    one_callback_64_times,
    one_store_asked_for_16_times,
    one_idempotency_key_16_times,
    one_nonce_16_times,
    unbind_and_callback_at_once,
    two_relays_and_two_deliverers,
);

fn succeeded() -> (String, String) {
    ("SUCCESS".to_owned(), String::new())
}

fn lost() -> (String, String) {
    ("FAILED".to_owned(), "SELLER_ALREADY_AUTHORIZED".to_owned())
}

async fn statuses(institution: &Institution, stores: &[Store]) -> Vec<(String, String)> {
    let mut statuses = Vec::new();
    for store in stores {
        statuses.push(institution.status(store).await);
    }
    statuses
}

async fn one_credential_for_64_stores(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let client_id = alpha.client("seller").await;
    let mut stores = Vec::new();
    for number in 0..64 {
        let shop = format!("shop-{number}");
        let label = shop.parse().unwrap();
        app.sandbox
            .register_key(label, "ck_demo", "cs_demo".into(), KeyPermission::Read);
        let store_url = format!("http://{}/woocommerce/{shop}", app.sandbox_address);
        stores.push(alpha.create(&client_id, "WOOCOMMERCE", &store_url).await);
    }

    let mut calls = JoinSet::new();
    for (index, store) in stores.iter().cloned().enumerate() {
        let alpha = alpha.clone();
        calls.spawn(async move {
            let auth_info = json!({"api_key": "ck_demo", "api_secret": "cs_demo"});
            let fields = store.with(json!({"auth_type": "KEY", "auth_info": auth_info}));
            (index, alpha.call("store/auth", &fields).await)
        });
    }
    // Two processes prove meanwhile.
    let other = app.another_process().await;
    let mut answers = vec![None; stores.len()];
    while let Some(joined) = calls.join_next().await {
        let (index, answer) = joined.unwrap();
        answers[index] = Some(answer);
        let (ours, theirs) = tokio::join!(
            app.process.broker.key_proof_step(),
            other.broker.key_proof_step(),
        );
        ours.unwrap();
        theirs.unwrap();
    }
    app.settle().await;
    other.stop().await;

    let statuses = statuses(&alpha, &stores).await;
    assert_eq!(
        statuses
            .iter()
            .filter(|status| **status == succeeded())
            .count(),
        1
    );
    let held = refused(900_003, "auth info already authorized");
    for (answer, status) in answers.into_iter().zip(statuses) {
        let answer = answer.unwrap();
        if answer == held {
            assert_eq!(status, ("UNAUTHORIZED".to_owned(), String::new()));
        } else {
            assert_eq!(answer, ok(json!({})));
            assert!(status == succeeded() || status == lost(), "{status:?}");
        }
    }
}

async fn one_shop_for_64_stores(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    let mut stores = Vec::new();
    let mut callbacks = Vec::new();
    for number in 0..64 {
        let institution = if number % 2 == 0 { &alpha } else { &beta };
        let store = institution.store(&SHOPLINE, "demo-shop").await;
        callbacks.push(app.approve(&institution.link(&store).await).await);
        stores.push(store);
    }
    let mut visits = JoinSet::new();
    for callback in callbacks {
        let http = app.http.clone();
        visits.spawn(async move { Answer::of(http.get(callback).send().await.unwrap()).await });
    }
    for shown in visits.join_all().await {
        assert_eq!(shown.status, 303, "{}", shown.text);
    }
    let mut winners = 0;
    for (number, store) in stores.iter().enumerate() {
        let institution = if number % 2 == 0 { &alpha } else { &beta };
        let status = institution.status(store).await;
        winners += usize::from(status == succeeded());
        assert!(status == succeeded() || status == lost(), "{status:?}");
    }
    assert_eq!(winners, 1);
    app.settle().await;
    let events = alpha.data("event/list", &json!({})).await;
    assert_eq!(events["events"].as_array().unwrap().len(), 32);
}

async fn one_callback_64_times(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    let mut visits = JoinSet::new();
    for _ in 0..64 {
        let (http, callback) = (app.http.clone(), callback.clone());
        visits.spawn(async move { Answer::of(http.get(callback).send().await.unwrap()).await });
    }
    let shown = visits.join_all().await;
    let location = shown[0].header("location").unwrap();
    assert!(
        location.ends_with("&auth_status=SUCCESS&auth_fail_reason="),
        "{location}"
    );
    for answer in &shown {
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some(location))
        );
    }
    let calls = app.sandbox.calls();
    assert_eq!(
        calls
            .iter()
            .filter(|call| call.path.contains("token"))
            .count(),
        1
    );
    app.settle().await;
    let events = alpha.data("event/list", &json!({})).await;
    assert_eq!(events["events"].as_array().unwrap().len(), 1);
}

async fn one_store_asked_for_16_times(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let mut calls = JoinSet::new();
    for _ in 0..16 {
        let (alpha, store) = (alpha.clone(), store.clone());
        calls.spawn(async move { alpha.link(&store).await });
    }
    // One link is alive; the others were superseded.
    let mut shown = Vec::new();
    for auth_url in calls.join_all().await {
        shown.push(app.visit(&app.approve(&auth_url).await).await.status);
    }
    shown.sort_unstable();
    let mut expected = vec![303];
    expected.extend([400; 15]);
    assert_eq!(shown, expected);
    assert_eq!(alpha.status(&store).await, succeeded());
    assert_eq!(alpha.query(&store).await["revision"], 18);
}

async fn one_idempotency_key_16_times(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let client_id = alpha.client("seller").await;
    let fields = json!({
        "client_id": client_id, "platform": "SHOPLINE", "name": "Demo", "category": "Shoes",
        "store_url": "https://demo-shop.myshopline.com",
    });
    let mut calls = JoinSet::new();
    for _ in 0..16 {
        let (alpha, fields) = (alpha.clone(), fields.clone());
        calls.spawn(async move {
            alpha
                .answer_once("store/create", &fields, "key-1")
                .await
                .whole()
        });
    }
    let answers = calls.join_all().await;
    let listed = alpha.data("store/list", &json!({})).await;
    assert_eq!(listed["stores"].as_array().unwrap().len(), 1);
    let created = ok(json!({"store_id": listed["stores"][0]["store_id"]}));
    assert_eq!(answers, vec![created; 16]);
}

async fn one_nonce_16_times(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let fields = json!({"partner_user_id": "seller"});
    let signed = alpha.signing("client/register", fields.to_string());
    let mut calls = JoinSet::new();
    for _ in 0..16 {
        let (alpha, signed) = (alpha.clone(), signed.clone());
        calls.spawn(async move { alpha.send(&signed).await.whole() });
    }
    let answers = calls.join_all().await;
    let used = refused(401, "nonce already used");
    assert_eq!(answers.iter().filter(|answer| **answer == used).count(), 15);
    assert_eq!(answers.iter().filter(|answer| answer.0 == 200).count(), 1);
}

async fn unbind_and_callback_at_once(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    for _ in 0..8 {
        let store = alpha.store(&SHOPLINE, "demo-shop").await;
        let callback = app.approve(&alpha.link(&store).await).await;
        let ids = store.ids();
        let (shown, unbound) = tokio::join!(app.visit(&callback), alpha.call("store/unbind", &ids));
        assert_eq!(unbound, ok(json!(null)));
        assert!([303, 400].contains(&shown.status), "{shown:?}");
        let gone = refused(940_002, "store not exist");
        assert_eq!(alpha.call("store/query", &ids).await, gone);
    }
    // Whoever was first, the shop is nobody's now.
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    app.visit(&app.approve(&alpha.link(&store).await).await)
        .await;
    assert_eq!(alpha.status(&store).await, succeeded());
}

/// Steps relay and delivery until neither finds anything.
async fn push(broker: &Broker) {
    loop {
        let relayed = broker.relay_step().await.unwrap();
        let delivered = broker.delivery_step().await.unwrap();
        if relayed == broker::Progress::Idle && delivered == broker::Progress::Idle {
            return;
        }
    }
}

async fn two_relays_and_two_deliverers(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let (dialect, step, fault) = (Dialect::Shopline, Step::Consent, Fault::Deny);
    app.sandbox
        .script(Rule {
            dialect,
            shop: None,
            step,
            fault,
            sticky: true,
        })
        .unwrap();
    for number in 0..24 {
        let store = alpha.store(&SHOPLINE, &format!("shop-{number}")).await;
        app.visit(&app.approve(&alpha.link(&store).await).await)
            .await;
    }
    let other = app.another_process().await;
    tokio::join!(push(&app.process.broker), push(&other.broker));
    // One of them may have found nothing while the other was half-way.
    app.settle().await;
    other.stop().await;

    let webhooks = app.receiver.take();
    let mut ids: Vec<_> = webhooks
        .iter()
        .map(|webhook| webhook.verified(&endpoint.secret)["id"].clone())
        .collect();
    ids.sort_by_key(ToString::to_string);
    let count = ids.len();
    ids.dedup();
    assert_eq!((count, ids.len()), (24, 24), "each event was sent once");
    let events = alpha.data("event/list", &json!({"limit": 100})).await;
    assert_eq!(events["events"].as_array().unwrap().len(), 25);
}
