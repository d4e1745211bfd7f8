//! Many at once: one wins, and everybody is told the truth.

use broker::Broker;
use futures_util::future::join_all;
use sandbox::{Dialect, Fault, KeyPermission, Rule, Step};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{
    Answer, Institution, SHOPLINE, Store, TestApp, moderate_or_long, ok, refused,
};

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

on_postgres_alone!(two_relays_and_two_deliverers);

fn succeeded() -> (String, String) {
    ("SUCCESS".to_owned(), String::new())
}

fn lost() -> (String, String) {
    ("FAILED".to_owned(), "SELLER_ALREADY_AUTHORIZED".to_owned())
}

async fn statuses(institution: &Institution, stores: &[Store]) -> Vec<(String, String)> {
    join_all(stores.iter().map(|store| institution.status(store))).await
}

/// How often the races are run that must have one winner every time.
fn rounds() -> usize {
    moderate_or_long(10, 1_000)
}

/// As many as race.
const RACERS: usize = 64;

async fn one_credential_for_64_stores(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let client_id = alpha.client("seller").await;
    // Two processes prove meanwhile.
    let other = app.another_process().await;
    for round in 0..rounds() {
        let (key, secret) = (format!("ck_{round}"), format!("cs_{round}"));
        let mut urls = Vec::new();
        for number in 0..RACERS {
            let shop = format!("shop-{round}-{number}");
            let label = shop.parse().unwrap();
            app.sandbox
                .register_key(label, &key, secret.as_str().into(), KeyPermission::Read);
            urls.push(format!("http://{}/woocommerce/{shop}", app.sandbox_address));
        }
        let created = urls
            .iter()
            .map(|url| alpha.create(&client_id, "WOOCOMMERCE", url));
        let stores = join_all(created).await;
        let mut calls = JoinSet::new();
        for (index, store) in stores.iter().enumerate() {
            let auth_info = json!({"api_key": key, "api_secret": secret});
            let fields = store.with(json!({"auth_type": "KEY", "auth_info": auth_info}));
            let alpha = alpha.clone();
            calls.spawn(async move { (index, alpha.call("store/auth", &fields).await) });
        }
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
        check_one_credential(&alpha, &stores, answers).await;
    }
    other.stop().await;
}

async fn check_one_credential(
    alpha: &Institution,
    stores: &[Store],
    answers: Vec<Option<(u16, Value)>>,
) {
    let statuses = statuses(alpha, stores).await;
    let winners = statuses.iter().filter(|status| **status == succeeded());
    assert_eq!(winners.count(), 1);
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
    let clients = [alpha.client("seller").await, beta.client("seller").await];
    let mut feed = Feed::default();
    for round in 0..rounds() {
        let store_url = SHOPLINE.store_url(&format!("shop-{round}"));
        let linked = (0..RACERS).map(|number| {
            let (institution, client_id) = ([&alpha, &beta][number % 2], &clients[number % 2]);
            let store_url = &store_url;
            async move {
                let store = institution.create(client_id, "SHOPLINE", store_url).await;
                let link = institution.link(&store).await;
                (store, app.approve(&link).await)
            }
        });
        let (stores, callbacks): (Vec<_>, Vec<_>) = join_all(linked).await.into_iter().unzip();
        for shown in visit_at_once(app, callbacks).await {
            assert_eq!(shown.status, 303, "{}", shown.text);
        }
        let asked = stores
            .iter()
            .enumerate()
            .map(|(number, store)| [&alpha, &beta][number % 2].status(store));
        let mut winners = 0;
        for status in join_all(asked).await {
            winners += usize::from(status == succeeded());
            assert!(status == succeeded() || status == lost(), "{status:?}");
        }
        assert_eq!(winners, 1);
        app.settle().await;
        assert_eq!(feed.count_new(&alpha).await, RACERS / 2);
    }
}

async fn one_callback_64_times(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let mut feed = Feed::default();
    for round in 0..rounds() {
        let store = alpha.store(&SHOPLINE, &format!("shop-{round}")).await;
        let callback = app.approve(&alpha.link(&store).await).await;
        let shown = visit_at_once(app, vec![callback; RACERS]).await;
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
        let exchanges = calls.iter().filter(|call| call.path.contains("token"));
        assert_eq!(exchanges.count(), round + 1);
        app.settle().await;
        assert_eq!(feed.count_new(&alpha).await, 1);
    }
}

async fn visit_at_once(app: &TestApp, urls: Vec<String>) -> Vec<Answer> {
    let mut visits = JoinSet::new();
    for url in urls {
        let http = app.http.clone();
        visits.spawn(async move { Answer::of(http.get(url).send().await.unwrap()).await });
    }
    visits.join_all().await
}

/// How far the feed of an institution was read.
#[derive(Default)]
struct Feed {
    cursor: Value,
}

impl Feed {
    async fn count_new(&mut self, institution: &Institution) -> usize {
        let fields = json!({"limit": 100, "after": self.cursor});
        let mut page = institution.data("event/list", &fields).await;
        self.cursor = page["next_cursor"].take();
        page["events"].as_array().unwrap().len()
    }
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
