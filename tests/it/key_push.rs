//! The seller's shop makes the key and sends it by itself, after a click on the page behind a hosted link.

use std::time::Duration;

use domain::Links;
use serde_json::{Value, json};
use url::Url;

use crate::harness::{Answer, Setup, TestApp};
use crate::key_links::{Asked, beside_workers, key_link, woocommerce};

on_both!(
    a_shop_sends_the_key,
    a_push_is_known_by_its_state_alone,
    a_forwarded_address_connects_nothing,
    a_key_waits_for_the_browser_that_clicked,
    a_browser_that_is_back_first_waits_a_moment,
    another_key_or_a_refusal_takes_the_place_of_a_held_key,
    a_held_key_ends_with_its_click,
    a_superseded_link_uses_no_held_key,
    the_same_push_is_answered_the_same,
    a_click_takes_one_key_in_its_time,
    a_key_that_the_shop_does_not_honour_is_told,
    a_refusal_counts_in_the_browser_that_clicked,
    whoever_comes_back_without_a_key_sees_that_none_came,
    a_link_that_has_ended_sends_nobody_to_the_shop,
);

mod unreachable {
    use super::{Setup, Url};

    on_both!(with setup: shops_are_not_sent_to_an_address_that_they_cannot_reach);

    fn setup() -> Setup {
        Setup {
            // Plain http, and nothing that we may dial.
            change_options: |options| {
                options.public_url = Url::parse("http://203.0.113.7").unwrap();
            },
            ..Setup::default()
        }
    }

    use super::shops_are_not_sent_to_an_address_that_they_cannot_reach;
}

/// The shop's page, to which a click leads, and the state in its address.
async fn click(app: &TestApp, asked: &Asked) -> (String, String) {
    let page = app.browser.follow(&asked.link).await;
    let state = parameter(&page, "user_id");
    (page, state)
}

fn parameter(url: &str, name: &str) -> String {
    let url = Url::parse(url).unwrap();
    let mut pairs = url.query_pairs();
    pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
}

fn pushed(state: &str, key: &str, secret: &str) -> Value {
    json!({
        "key_id": 1,
        "user_id": state,
        "consumer_key": key,
        "consumer_secret": secret,
        "key_permissions": "read",
        "store_url": "https://elsewhere.example",
    })
}

async fn push(app: &TestApp, body: impl ToString) -> u16 {
    push_to(app, "woocommerce", body).await.status
}

async fn push_to(app: &TestApp, platform: &str, body: impl ToString) -> Answer {
    let request = app
        .http
        .post(format!("{}/v1/auth/{platform}/keys", app.base_url))
        .header("content-type", "application/json;charset=UTF-8")
        .body(body.to_string());
    Answer::of(request.send().await.unwrap()).await
}

fn returned(app: &TestApp, success: &str, state: &str) -> String {
    let base = &app.base_url;
    format!("{base}/v1/auth/woocommerce/return?success={success}&user_id={state}")
}

/// What the browser that clicked sees when it is back, while the workers work.
async fn come_back(app: &TestApp, state: &str) -> Answer {
    beside_workers(app, app.visit(&returned(app, "1", state))).await
}

/// How many keys wait for a browser.
async fn held(app: &TestApp) -> i64 {
    app.database.number("SELECT COUNT(*) FROM held_keys").await
}

/// Nothing was proven, told or changed, however long the workers work.
async fn is_untouched(app: &TestApp, asked: &Asked) {
    app.settle().await;
    asked.is_processing().await;
    assert_eq!(probed(app), <[&str; 0]>::default());
    assert_eq!(app.receiver.take().len(), 0);
}

fn probed(app: &TestApp) -> Vec<String> {
    let calls = app.sandbox.calls();
    let probes = calls.into_iter().map(|call| call.path);
    probes
        .filter(|path| path.ends_with("/system_status"))
        .collect()
}

async fn a_shop_sends_the_key(app: &TestApp) {
    let asked = woocommerce(app).await;
    let (page, state) = click(app, &asked).await;
    let shop = format!("http://{}/woocommerce/demo-shop", app.sandbox_address);
    assert!(
        page.starts_with(&format!("{shop}/wc-auth/v1/authorize?")),
        "{page}"
    );
    assert_eq!(state.len(), 43, "256 bits in base64url");
    for (name, value) in [
        // The shop's page shows nothing else of who asks.
        ("app_name", "Alpha <Pay> (seller & son)".to_owned()),
        ("scope", "read".to_owned()),
        (
            "return_url",
            format!("{}/v1/auth/woocommerce/return", app.base_url),
        ),
        (
            "callback_url",
            format!("{}/v1/auth/woocommerce/keys", app.base_url),
        ),
    ] {
        assert_eq!(parameter(&page, name), value);
    }
    let back = app.browser.consent(&page, "decision=approve").await;
    assert_eq!(back, returned(app, "1", &state));
    let shown = beside_workers(app, app.visit(&back)).await;
    assert_eq!(shown.status, 200);
    assert!(
        shown.text.contains("Your shop is connected"),
        "{}",
        shown.text
    );
    let event = asked.told(app).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    assert_eq!(event["data"]["shop_identity"], shop);
    assert_eq!(
        probed(app),
        ["/woocommerce/demo-shop/wp-json/wc/v3/system_status"]
    );
    // A reload shows the same, and so does any other browser by now.
    for browser in [&app.browser, &app.another_browser()] {
        assert!(
            browser
                .visit(&back)
                .await
                .text
                .contains("Your shop is connected")
        );
    }
}

/// Nothing is signed, so nothing but the state says which click a key answers.
async fn a_push_is_known_by_its_state_alone(app: &TestApp) {
    let asked = woocommerce(app).await;
    let (_, state) = click(app, &asked).await;
    let good = pushed(&state, "ck_demo", "cs_demo");
    for body in [
        pushed(&format!("{state}x"), "ck_demo", "cs_demo").to_string(),
        pushed("", "ck_demo", "cs_demo").to_string(),
        pushed(&state, "", "cs_demo").to_string(),
        pushed(&state, "ck_demo", "secret").to_string(),
        pushed(&state, "ck_demo", &format!("cs_{}", "0".repeat(2046))).to_string(),
        pushed(&asked.store.store_id, "ck_demo", "cs_demo").to_string(),
        json!([good]).to_string(),
        "{".to_owned(),
        String::new(),
    ] {
        assert_eq!(push(app, &body).await, 401, "{body}");
    }
    for platform in ["shopify", "shopline", "nowhere"] {
        assert_eq!(push_to(app, platform, &good).await.status, 401);
    }
    let large = json!({"padding": "0".repeat(70_000)});
    assert_eq!(push(app, large).await, 413);
    app.settle().await;
    asked.is_processing().await;
    assert_eq!(probed(app), <[&str; 0]>::default());
    assert_eq!(push(app, &good).await, 200);
    asked.is_processing().await;
    come_back(app, &state).await;
    let event = asked.told(app).await;
    // Not at the address that the body names.
    assert_eq!(event["type"], "store.auth.succeeded");
    assert_eq!(probed(app).len(), 1);
}

/// Somebody asks for another's shop, goes on to it, and sends that address to the shop's manager.
async fn a_forwarded_address_connects_nothing(app: &TestApp) {
    let asked = woocommerce(app).await;
    let (page, _) = click(app, &asked).await;
    let manager = app.another_browser();
    let back = manager.consent(&page, "decision=approve").await;
    assert_eq!(held(app).await, 1);
    is_untouched(app, &asked).await;
    for _ in 0..2 {
        let shown = manager.visit(&back).await;
        assert_eq!(shown.status, 400);
        assert!(shown.text.contains("Alpha &lt;Pay&gt;"), "{}", shown.text);
        assert_eq!(held(app).await, 0);
    }
    is_untouched(app, &asked).await;
    // The key is gone for whoever sent the address on, too, and the link works for its seller.
    let shown = app.visit(&back).await;
    assert_eq!(shown.status, 200);
    assert!(
        !shown.text.contains("Your shop is connected"),
        "{}",
        shown.text
    );
    is_untouched(app, &asked).await;
    let (page, _) = click(app, &asked).await;
    let back = app.browser.consent(&page, "decision=approve").await;
    let shown = beside_workers(app, app.visit(&back)).await;
    assert!(
        shown.text.contains("Your shop is connected"),
        "{}",
        shown.text
    );
    asked.told(app).await;
}

async fn a_key_waits_for_the_browser_that_clicked(app: &TestApp) {
    let mut asked = woocommerce(app).await;
    let (_, state) = click(app, &asked).await;
    assert_eq!(push(app, pushed(&state, "ck_demo", "cs_demo")).await, 200);
    app.advance(Duration::from_mins(29));
    asked.alpha.renew_token().await;
    is_untouched(app, &asked).await;
    let page = app.visit(&asked.link).await;
    assert!(page.text.contains(">Consumer key</label>"), "{}", page.text);
    let back = returned(app, "1", &state);
    let twice = futures_util::future::join_all((0..2).map(|_| app.visit(&back)));
    for shown in beside_workers(app, twice).await {
        assert!(
            shown.text.contains("Your shop is connected"),
            "{}",
            shown.text
        );
    }
    let event = asked.told(app).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    assert_eq!((probed(app).len(), held(app).await), (1, 0));
}

async fn a_browser_that_is_back_first_waits_a_moment(app: &TestApp) {
    let asked = woocommerce(app).await;
    let (_, state) = click(app, &asked).await;
    let good = pushed(&state, "ck_demo", "cs_demo");
    // Nobody can come back beforehand for a key that is still to be allowed by somebody else.
    let shown = app.visit(&returned(app, "1", &state)).await;
    assert_eq!(shown.status, 200);
    assert_eq!(push(app, &good).await, 200);
    is_untouched(app, &asked).await;
    let shown = come_back(app, &state).await;
    assert!(
        shown.text.contains("Your shop is connected"),
        "{}",
        shown.text
    );
    asked.told(app).await;

    let store_url = format!("http://{}/woocommerce/other-shop", app.sandbox_address);
    let shop = "other-shop".parse().unwrap();
    let permission = sandbox::KeyPermission::Read;
    app.sandbox
        .register_key(shop, "ck_other", "cs_other".into(), permission);
    let client_id = asked.alpha.client("another seller").await;
    let store = asked
        .alpha
        .create(&client_id, "WOOCOMMERCE", &store_url)
        .await;
    let link = key_link(&asked.alpha, &store).await;
    let state = parameter(&app.browser.follow(&link).await, "user_id");
    let sent = async {
        // By then the browser waits; where it does not yet, it finds the key at once.
        app.visit(&link).await;
        push(app, pushed(&state, "ck_other", "cs_other")).await
    };
    let (shown, sent) = tokio::join!(come_back(app, &state), sent);
    assert_eq!(sent, 200);
    assert!(
        shown.text.contains("Your shop is connected"),
        "{}",
        shown.text
    );
    app.told(&asked.alpha, &asked.endpoint, &store, None).await;
}

async fn another_key_or_a_refusal_takes_the_place_of_a_held_key(app: &TestApp) {
    let asked = woocommerce(app).await;
    let (_, state) = click(app, &asked).await;
    let other = pushed(&state, "ck_other", "cs_other");
    assert_eq!(push(app, &other).await, 200);
    asked.paste(app, "api_key=ck_demo&api_secret=cs_demo").await;
    assert_eq!(held(app).await, 0);
    let shown = come_back(app, &state).await;
    assert!(
        shown.text.contains("Your shop is connected"),
        "{}",
        shown.text
    );
    assert_eq!(push(app, &other).await, 401);
    asked.told(app).await;
    assert_eq!(probed(app).len(), 1);

    let client_id = asked.alpha.client("another seller").await;
    let store_url = format!("http://{}/woocommerce/other-shop", app.sandbox_address);
    for refusal in ["the link", "the shop"] {
        let store = asked
            .alpha
            .create(&client_id, "WOOCOMMERCE", &store_url)
            .await;
        let link = key_link(&asked.alpha, &store).await;
        let state = parameter(&app.browser.follow(&link).await, "user_id");
        assert_eq!(push(app, pushed(&state, "ck_other", "cs_other")).await, 200);
        if refusal == "the link" {
            app.browser.submit(&format!("{link}/decline"), "").await;
        } else {
            app.visit(&returned(app, "0", &state)).await;
        }
        assert_eq!(held(app).await, 0, "{refusal}");
        let shown = come_back(app, &state).await;
        assert!(shown.text.contains("Nothing was shared."), "{}", shown.text);
        let failed = ("FAILED".to_owned(), "USER_DENIED".to_owned());
        assert_eq!(asked.alpha.status(&store).await, failed);
        app.told(&asked.alpha, &asked.endpoint, &store, None).await;
    }
    assert_eq!(probed(app).len(), 1);
}

async fn a_held_key_ends_with_its_click(app: &TestApp) {
    let mut asked = woocommerce(app).await;
    for comes_late in [true, false] {
        let (_, state) = click(app, &asked).await;
        assert_eq!(push(app, pushed(&state, "ck_demo", "cs_demo")).await, 200);
        app.advance(Duration::from_mins(30));
        if comes_late {
            assert_eq!(app.visit(&returned(app, "1", &state)).await.status, 400);
        } else {
            app.process.broker.retention_step().await.unwrap();
        }
        assert_eq!(held(app).await, 0);
        asked.alpha.renew_token().await;
        is_untouched(app, &asked).await;
        assert_eq!(push(app, pushed(&state, "ck_demo", "cs_demo")).await, 401);
    }
}

async fn a_superseded_link_uses_no_held_key(app: &TestApp) {
    let asked = woocommerce(app).await;
    let (_, state) = click(app, &asked).await;
    assert_eq!(push(app, pushed(&state, "ck_demo", "cs_demo")).await, 200);
    key_link(&asked.alpha, &asked.store).await;
    assert_eq!(held(app).await, 0);
    assert_eq!(app.visit(&returned(app, "1", &state)).await.status, 400);
    assert_eq!(push(app, pushed(&state, "ck_demo", "cs_demo")).await, 401);
    is_untouched(app, &asked).await;
}

async fn the_same_push_is_answered_the_same(app: &TestApp) {
    let asked = woocommerce(app).await;
    let (_, state) = click(app, &asked).await;
    let good = pushed(&state, "ck_demo", "cs_demo");
    let at_once = futures_util::future::join_all((0..4).map(|_| push(app, &good)));
    assert_eq!(at_once.await, [200; 4]);
    // A state is good for one key.
    assert_eq!(push(app, pushed(&state, "ck_other", "cs_other")).await, 401);
    come_back(app, &state).await;
    asked.told(app).await;
    app.advance(Duration::from_mins(31));
    assert_eq!(push(app, &good).await, 200);
    assert_eq!(push(app, pushed(&state, "ck_other", "cs_other")).await, 401);
    app.settle().await;
    assert_eq!(probed(app).len(), 1);
}

async fn a_click_takes_one_key_in_its_time(app: &TestApp) {
    let mut asked = woocommerce(app).await;
    let (_, late) = click(app, &asked).await;
    app.advance(Duration::from_mins(30));
    assert_eq!(push(app, pushed(&late, "ck_demo", "cs_demo")).await, 401);
    let back = app.visit(&returned(app, "0", &late)).await;
    assert_eq!(back.status, 400);
    asked.alpha.renew_token().await;
    asked.is_processing().await;
    // Of two clicks that have a key the first whose browser is back counts.
    let (_, first) = click(app, &asked).await;
    let (_, second) = click(app, &asked).await;
    assert_eq!(push(app, pushed(&second, "ck_demo", "cs_demo")).await, 200);
    assert_eq!(push(app, pushed(&first, "ck_other", "cs_other")).await, 200);
    assert_eq!(held(app).await, 2);
    come_back(app, &second).await;
    assert_eq!(held(app).await, 0);
    assert_eq!(push(app, pushed(&first, "ck_other", "cs_other")).await, 401);
    let shown = come_back(app, &first).await;
    assert!(
        shown.text.contains("Your shop is connected"),
        "{}",
        shown.text
    );
    asked.told(app).await;
    assert_eq!(probed(app).len(), 1);
}

async fn a_key_that_the_shop_does_not_honour_is_told(app: &TestApp) {
    let asked = woocommerce(app).await;
    let (_, state) = click(app, &asked).await;
    assert_eq!(
        push(app, pushed(&state, "ck_forged", "cs_forged")).await,
        200
    );
    let shown = come_back(app, &state).await;
    let event = asked.told(app).await;
    assert_eq!(event["data"]["auth_fail_reason"], "AUTH_INFO_INVALID");
    assert!(
        shown.text.contains("The key was not accepted"),
        "{}",
        shown.text
    );
}

async fn a_refusal_counts_in_the_browser_that_clicked(app: &TestApp) {
    let asked = woocommerce(app).await;
    let (page, state) = click(app, &asked).await;
    let stranger = app.another_browser();
    for success in ["0", "1"] {
        let elsewhere = stranger.visit(&returned(app, success, &state)).await;
        assert_eq!(elsewhere.status, 400);
    }
    for query in [
        String::new(),
        format!("success=0&user_id={state}&user_id=x"),
        format!("user_id={state}"),
        "success=0&user_id=x".to_owned(),
    ] {
        let url = format!("{}/v1/auth/woocommerce/return?{query}", app.base_url);
        assert_eq!(app.visit(&url).await.status, 400, "{query}");
    }
    let head = app.http.head(returned(app, "0", &state)).send().await;
    assert_eq!(head.unwrap().status(), 405);
    for platform in ["shopify", "shopline"] {
        let url = returned(app, "0", &state).replace("woocommerce", platform);
        assert_eq!(app.visit(&url).await.status, 400);
    }
    app.settle().await;
    asked.is_processing().await;
    let back = app.browser.consent(&page, "decision=deny").await;
    let shown = app.visit(&back).await;
    assert_eq!(shown.status, 200);
    assert!(shown.text.contains("Nothing was shared."), "{}", shown.text);
    let event = asked.told(app).await;
    assert_eq!(event["data"]["auth_fail_reason"], "USER_DENIED");
    assert_eq!(push(app, pushed(&state, "ck_demo", "cs_demo")).await, 401);
    app.settle().await;
    assert_eq!(probed(app), <[&str; 0]>::default());
}

async fn whoever_comes_back_without_a_key_sees_that_none_came(app: &TestApp) {
    let asked = woocommerce(app).await;
    let (_, state) = click(app, &asked).await;
    let shown = app.visit(&returned(app, "1", &state)).await;
    assert_eq!(shown.status, 200);
    assert!(
        !shown.text.contains("Your shop is connected"),
        "{}",
        shown.text
    );
    app.settle().await;
    asked.is_processing().await;
}

async fn a_link_that_has_ended_sends_nobody_to_the_shop(app: &TestApp) {
    let asked = woocommerce(app).await;
    let (_, state) = click(app, &asked).await;
    asked.alpha.data("store/unbind", &asked.store.ids()).await;
    let page = asked.link.strip_prefix(&app.base_url);
    let gone = app
        .browser
        .submit(&format!("{}/continue", asked.link), "")
        .await;
    assert_eq!((gone.status, gone.header("location")), (303, page));
    assert_eq!(push(app, pushed(&state, "ck_demo", "cs_demo")).await, 401);
    assert_eq!(app.visit(&returned(app, "1", &state)).await.status, 400);
    app.settle().await;
    let unbound = app.receiver.take_one().verified(&asked.endpoint.secret);
    assert_eq!(unbound["type"], "store.unbound");
    assert_eq!(probed(app), <[&str; 0]>::default());
}

async fn shops_are_not_sent_to_an_address_that_they_cannot_reach(app: &TestApp) {
    let alpha = app.institution_with("Alpha", Links::Hosted).await;
    let client_id = alpha.client("seller").await;
    let store_url = format!("http://{}/woocommerce/demo-shop", app.sandbox_address);
    let store = alpha.create(&client_id, "WOOCOMMERCE", &store_url).await;
    let fields = store.with(json!({"auth_type": "KEY"}));
    let data = alpha.data("store/auth", &fields).await;
    let link = data["auth_url"].as_str().unwrap();
    let path = link.strip_prefix("http://203.0.113.7").unwrap();
    let link = format!("{}{path}", app.base_url);
    let page = app.visit(&link).await;
    assert!(page.text.contains(">Consumer key</label>"), "{}", page.text);
    assert!(!page.text.contains("Connect at your shop"), "{}", page.text);
    let gone = app.browser.submit(&format!("{link}/continue"), "").await;
    assert_eq!((gone.status, gone.header("location")), (303, Some(path)));
    assert_eq!(
        app.database
            .number("SELECT COUNT(*) FROM link_clicks")
            .await,
        0
    );
}
