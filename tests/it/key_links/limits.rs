//! What a link by KEY takes from nobody, and what does not change behind its seller's back.

use domain::Links;
use sandbox::KeyPermission;
use serde_json::{Value, json};

use super::{Asked, TOKEN, asked, beside_workers, key_link, shopify};
use crate::harness::{GENSTORE, Gate, SHOPLINE, TestApp, ok, refused};

on_both!(
    a_link_that_is_superseded_while_its_key_is_proven_says_so,
    a_key_goes_to_the_shop_that_the_seller_was_shown,
    a_link_to_the_platform_takes_no_key,
    a_form_is_as_large_as_any_body_and_no_larger,
);

const KEY: &str = "api_key=ck_demo&api_secret=cs_demo";

/// A shop whose answer to a proof waits at the gate, and its address.
async fn behind_a_gate(app: &TestApp) -> (Asked, Gate, String) {
    let shop = "demo-shop".parse().unwrap();
    app.sandbox
        .register_key(shop, "ck_demo", "cs_demo".into(), KeyPermission::Read);
    let gate = Gate::before(app.sandbox_address).await;
    let store_url = format!("http://{}/woocommerce/demo-shop", gate.address);
    let asked = asked(app, "WOOCOMMERCE", &store_url).await;
    (asked, gate, store_url)
}

impl Asked {
    async fn move_to(&self, store_url: &str) -> (u16, Value) {
        let fields = self.store.with(json!({"store_url": store_url}));
        self.alpha.call("store/update", &fields).await
    }
}

async fn a_link_that_is_superseded_while_its_key_is_proven_says_so(app: &TestApp) {
    let (asked, mut gate, _) = behind_a_gate(app).await;
    let sent = async {
        let superseded = async {
            gate.arrival().await;
            key_link(&asked.alpha, &asked.store).await;
            gate.let_one_through();
        };
        tokio::join!(asked.send(&app.browser, KEY), superseded).0
    };
    let answer = beside_workers(app, sent).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(answer.header("location"), Some(asked.page(app)));
    assert_eq!(app.visit(&asked.link).await.status, 410);
    asked.is_processing().await;
}

async fn a_key_goes_to_the_shop_that_the_seller_was_shown(app: &TestApp) {
    let (asked, mut gate, store_url) = behind_a_gate(app).await;
    let shown = format!("<bdi>{store_url}</bdi>");
    let page = app.visit(&asked.link).await.text;
    assert!(page.contains(&shown), "{page}");
    let updated = ok(json!({"store_id": asked.store.store_id}));
    let must_stay = refused(
        900_002,
        "store_url must stay the same shop's address while a key is waited for or proven",
    );
    let elsewhere = [
        format!("http://{}/woocommerce/another-shop", gate.address),
        format!("{store_url}/inner"),
        format!("http://{}", gate.address),
        "http://127.0.0.1:1/woocommerce/demo-shop".to_owned(),
        store_url.replace("http://", "https://"),
    ];
    for store_url in &elsewhere {
        let moved = asked.move_to(store_url).await;
        assert_eq!(moved, must_stay, "{store_url}");
    }
    let otherwise_spelled = format!("{store_url}/?utm=1#top");
    assert_eq!(asked.move_to(&otherwise_spelled).await, updated);

    // Nor does it move while the key is being proven.
    let sent = async {
        let moved = async {
            gate.arrival().await;
            let moved = asked.move_to(&elsewhere[0]).await;
            gate.let_one_through();
            moved
        };
        tokio::join!(asked.send(&app.browser, KEY), moved).1
    };
    assert_eq!(beside_workers(app, sent).await, must_stay);
    assert_eq!(asked.told(app).await["type"], "store.auth.succeeded");
    // The grant has an address of its own.
    assert_eq!(asked.move_to(&elsewhere[0]).await, updated);
}

async fn a_link_to_the_platform_takes_no_key(app: &TestApp) {
    let alpha = app.institution_with("Alpha", Links::Hosted).await;
    for case in [&SHOPLINE, &GENSTORE] {
        let store = alpha.store(case, "demo-shop").await;
        let link = alpha.link(&store).await;
        let url = format!("{link}/key");
        let answer = app.browser.submit(&url, &format!("token={TOKEN}")).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        assert_eq!(answer.header("location"), link.strip_prefix(&app.base_url));
        let waiting = ("PROCESSING".to_owned(), String::new());
        assert_eq!(alpha.status(&store).await, waiting);
    }
}

async fn a_form_is_as_large_as_any_body_and_no_larger(app: &TestApp) {
    let asked = shopify(app).await;
    let form = |length: usize| {
        let form = format!("token={TOKEN}&padding=");
        let padding = "0".repeat(length - form.len());
        form + &padding
    };
    let large = asked.send(&app.browser, &form(65_537)).await;
    assert_eq!(large.status, 400, "{}", large.text);
    asked.is_processing().await;
    assert_eq!(Asked::proofs(app), 0);
    assert_eq!(asked.paste(app, &form(65_536)).await, asked.page(app));
    assert_eq!(asked.told(app).await["type"], "store.auth.succeeded");
}
