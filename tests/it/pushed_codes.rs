//! Codes that Genstore pushes for shops in which it installed the app itself: exchanged where they can be
//! nobody else's.

use broker::{ConfigurePlatformApp, ConfiguredApp, Operator};
use sandbox::{AppRegistration, Dialect, Fault, Rule, SignedEvent, Step};
use serde_json::{Value, json};

use crate::harness::{Answer, GENSTORE, Institution, Setup, TestApp};

on_both!(
    code_buys_what_authorizes_the_only_store_that_expects_the_shop,
    client_id_must_be_the_app_s,
    shop_id_must_be_the_one_that_answers,
    a_store_that_waits_for_its_seller_is_authorized_by_a_code,
    a_code_of_the_shared_app_is_nobody_s,
    a_parked_code_is_spent_when_the_seller_confirms,
    a_parked_code_is_not_spent_for_another_number,
    a_shop_that_two_stores_expect_or_none_is_nobody_s,
    a_code_that_comes_again_is_the_same_code,
    an_authorized_store_needs_no_code,
    a_code_waits_for_the_exchange_under_way,
    a_code_that_buys_nothing_fails_the_store,
    a_code_without_a_shop_s_domain_means_nothing,
    what_was_recorded_survives_its_process,
    an_exchange_that_was_cut_off_is_told,
);

mod with_another_header {
    use super::another_header;

    on_both!(with another_header: the_header_has_the_name_that_the_operator_set);

    async fn the_header_has_the_name_that_the_operator_set(app: &super::TestApp) {
        super::the_header_has_the_name_that_the_operator_set(app).await;
    }
}

const SECRET: &str = "the secret of alpha's own app";
const CLIENT_ID: &str = "alpha-app";

/// Alpha has an app of its own at Genstore.
async fn own_app(app: &TestApp, alpha: &Institution) -> ConfiguredApp {
    let own = ConfigurePlatformApp {
        client_id: CLIENT_ID.to_owned(),
        secret: Some(SECRET.into()),
        institution: Some(alpha.app_id.clone()),
        ..GENSTORE.configuration(app.sandbox_address)
    };
    let configured = app
        .process
        .broker
        .configure_platform_app(&Operator, own)
        .await
        .unwrap();
    app.sandbox.register_app(AppRegistration {
        client_id: CLIENT_ID.to_owned(),
        client_secret: SECRET.into(),
        ..GENSTORE.registration(configured.callback_url.clone().unwrap())
    });
    configured
}

fn push(app: &TestApp, shop: &str) -> SignedEvent {
    let scopes = ["read_orders".to_owned()];
    app.sandbox
        .push_code(&shop.parse().unwrap(), Some(CLIENT_ID), &scopes)
        .unwrap()
}

async fn tell(app: &TestApp, path: &str, event: &SignedEvent) -> Answer {
    let mut request = app.http.post(path);
    for (name, value) in &event.headers {
        request = request.header(*name, value);
    }
    Answer::of(request.body(event.body.clone()).send().await.unwrap()).await
}

async fn told(app: &TestApp, own: &ConfiguredApp, event: &SignedEvent) {
    let path = own.events_url.as_ref().unwrap();
    let answer = tell(app, path, event).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
}

async fn outcomes(app: &TestApp, outcome: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM platform_events WHERE outcome = '{outcome}'");
    app.database.number(sql).await
}

async fn sealed(app: &TestApp) -> i64 {
    app.database
        .number("SELECT COUNT(*) FROM pushed_codes")
        .await
}

fn exchanges(app: &TestApp) -> Vec<&'static str> {
    let calls = app.sandbox.calls();
    let of_tokens = calls
        .iter()
        .filter(|call| call.path.ends_with("/oauth2/token"));
    of_tokens.map(|call| call.outcome).collect()
}

/// The same event with another body, rightly signed.
fn with_body(event: &SignedEvent, body: &Value) -> SignedEvent {
    use base64::Engine;
    use hmac::{Hmac, KeyInit, Mac};
    let body = body.to_string();
    let mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    let mac = mac.chain_update(&body).finalize().into_bytes();
    let mut changed = event.clone();
    for (name, value) in &mut changed.headers {
        if name.ends_with("hmac-sha256") {
            *value = base64::prelude::BASE64_STANDARD.encode(mac);
        }
    }
    changed.body = body;
    changed
}

async fn code_buys_what_authorizes_the_only_store_that_expects_the_shop(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let own = own_app(app, &alpha).await;
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    alpha.store(&GENSTORE, "other-shop").await;
    told(app, &own, &push(app, "demo-shop")).await;
    // It is answered before it is handled, and the code is sealed meanwhile.
    assert_eq!(alpha.status(&store).await.0, "UNAUTHORIZED");
    assert_eq!((sealed(app).await, exchanges(app).len()), (1, 0));

    let event = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    let data = &event["data"];
    assert_eq!(data["auth_status"], "SUCCESS");
    assert_eq!(data["shop_identity"], GENSTORE.identity("demo-shop"));
    assert_eq!(exchanges(app), ["token granted"]);
    assert_eq!(
        (outcomes(app, "CODE_TAKEN").await, sealed(app).await),
        (1, 0)
    );
}

async fn client_id_must_be_the_app_s(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let own = own_app(app, &alpha).await;
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    let event = push(app, "demo-shop");
    let mut body: Value = serde_json::from_str(&event.body).unwrap();
    body["authCode"]["clientId"] = "another-app".into();
    told(app, &own, &with_body(&event, &body)).await;
    app.settle().await;
    assert_eq!(outcomes(app, "IGNORED").await, 1);
    assert_eq!(alpha.status(&store).await.0, "UNAUTHORIZED");
    assert_eq!((sealed(app).await, exchanges(app).len()), (0, 0));
}

/// The body is signed, and the header that says where to ask is not.
async fn shop_id_must_be_the_one_that_answers(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let own = own_app(app, &alpha).await;
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    let event = push(app, "demo-shop");
    let mut body: Value = serde_json::from_str(&event.body).unwrap();
    let id: u64 = GENSTORE.identity("other-shop").parse().unwrap();
    // The pages type it as a number, and show a text.
    body["authCode"]["shopId"] = id.into();
    told(app, &own, &with_body(&event, &body)).await;
    let failed = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(failed["data"]["auth_fail_reason"], "SELLER_MISMATCH");
    let held = "SELECT COUNT(*) FROM claims";
    assert_eq!(app.database.number(held).await, 0);
}

async fn a_store_that_waits_for_its_seller_is_authorized_by_a_code(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let own = own_app(app, &alpha).await;
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    let link = alpha.link(&store).await;
    told(app, &own, &push(app, "demo-shop")).await;
    let event = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(event["data"]["auth_status"], "SUCCESS");
    // The link is dead.
    let callback = app.approve(&link).await;
    assert_eq!(app.visit(&callback).await.status, 400);
}

async fn a_code_of_the_shared_app_is_nobody_s(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    let scopes = ["read_orders".to_owned()];
    let event = app
        .sandbox
        .push_code(&"demo-shop".parse().unwrap(), None, &scopes)
        .unwrap();
    let path = format!("{}{}", app.base_url, GENSTORE.events_path());
    assert_eq!(tell(app, &path, &event).await.status, 200);
    app.settle().await;
    assert_eq!(outcomes(app, "CODE_PARKED").await, 1);
    assert_eq!(alpha.status(&store).await.0, "UNAUTHORIZED");
    assert_eq!(exchanges(app).len(), 0);
    // It dies.
    assert_eq!(sealed(app).await, 1);
    app.advance(std::time::Duration::from_mins(10));
    app.process.broker.retention_step().await.unwrap();
    assert_eq!(sealed(app).await, 0);
}

/// Opens the app in the shop and presses the button there; returns the answer to that.
async fn confirm(app: &TestApp, shop: &str) -> Answer {
    let url = format!("{}{}", app.base_url, GENSTORE.launch_path());
    let launch = app
        .sandbox
        .launch(Dialect::Genstore, &shop.parse().unwrap(), None, &url)
        .unwrap();
    let page = app.visit(&launch).await.text;
    let value = |before: &str| {
        let (_, behind) = page.split_once(before).expect("a page with a form");
        behind.split_once('"').unwrap().0.to_owned()
    };
    let form = format!(
        "launch={}&token={}",
        value("name=\"launch\" value=\""),
        value("name=\"token\" value=\"")
    );
    let action = format!("{}{}", app.base_url, value("action=\""));
    app.browser.submit(&action, &form).await
}

async fn push_to_shared_app(app: &TestApp, shop: &str) {
    let scopes = ["read_orders".to_owned()];
    let event = app
        .sandbox
        .push_code(&shop.parse().unwrap(), None, &scopes)
        .unwrap();
    let path = format!("{}{}", app.base_url, GENSTORE.events_path());
    assert_eq!(tell(app, &path, &event).await.status, 200);
}

async fn a_parked_code_is_spent_when_the_seller_confirms(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    for handled in [true, false] {
        let shop = if handled { "demo-shop" } else { "swift-shop" };
        let store = alpha.store(&GENSTORE, shop).await;
        alpha.link(&store).await;
        push_to_shared_app(app, shop).await;
        if handled {
            app.settle().await;
        }
        let granted = exchanges(app).len();
        let shown = confirm(app, shop).await;
        // Nobody was asked for consent: the platform has it.
        assert_eq!(exchanges(app).len(), granted + 1);
        assert_eq!(shown.status, 303, "{}", shown.text);
        let redirect = shown.header("location");
        let event = app.told(&alpha, &endpoint, &store, redirect).await;
        assert_eq!(event["type"], "store.auth.succeeded");
        assert_eq!(event["data"]["shop_identity"], GENSTORE.identity(shop));
        assert_eq!(sealed(app).await, 0);
    }
    assert_eq!(outcomes(app, "CODE_PARKED").await, 1);
    assert_eq!(outcomes(app, "IGNORED").await, 1);

    // What it buys is judged as ever.
    let store = alpha.store(&GENSTORE, "third-shop").await;
    alpha.link(&store).await;
    push_to_shared_app(app, "third-shop").await;
    let rule = Rule {
        dialect: Dialect::Genstore,
        shop: None,
        step: Step::Token,
        fault: Fault::CodeAlreadyUsed,
        sticky: false,
    };
    app.sandbox.script(rule).unwrap();
    let shown = confirm(app, "third-shop").await;
    let redirect = shown.header("location");
    let event = app.told(&alpha, &endpoint, &store, redirect).await;
    assert_eq!(event["data"]["auth_fail_reason"], "PLATFORM_REJECTED");
}

/// The number in the launch and the one in the event are both signed, and must be one.
async fn a_parked_code_is_not_spent_for_another_number(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    alpha.link(&store).await;
    push_to_shared_app(app, "demo-shop").await;
    app.database
        .execute("UPDATE pushed_codes SET shop_identity = '7'")
        .await;
    let shown = confirm(app, "demo-shop").await;
    let location = shown.header("location").unwrap();
    assert!(location.contains("/admin/oauth2/authorize?"), "{location}");
    assert_eq!((exchanges(app).len(), sealed(app).await), (0, 1));
    assert_eq!(alpha.status(&store).await.0, "PROCESSING");
}

async fn a_shop_that_two_stores_expect_or_none_is_nobody_s(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let own = own_app(app, &alpha).await;
    let stores = [
        alpha.store(&GENSTORE, "demo-shop").await,
        alpha.store(&GENSTORE, "demo-shop").await,
    ];
    // Another institution's store is not asked.
    let beta = app.institution("Beta").await;
    beta.store(&GENSTORE, "third-shop").await;
    for shop in ["demo-shop", "third-shop", "demo"] {
        told(app, &own, &push(app, shop)).await;
    }
    app.settle().await;
    assert_eq!(outcomes(app, "CODE_PARKED").await, 3);
    for store in &stores {
        assert_eq!(alpha.status(store).await.0, "UNAUTHORIZED");
    }
    assert_eq!(exchanges(app).len(), 0);
}

async fn a_code_that_comes_again_is_the_same_code(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let own = own_app(app, &alpha).await;
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    let event = push(app, "demo-shop");
    for _ in 0..3 {
        told(app, &own, &event).await;
    }
    app.told(&alpha, &endpoint, &store, None).await;
    told(app, &own, &event).await;
    app.settle().await;
    assert_eq!(exchanges(app), ["token granted"]);
    let recorded = "SELECT COUNT(*) FROM platform_events";
    assert_eq!(app.database.number(recorded).await, 1);
}

async fn an_authorized_store_needs_no_code(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let own = own_app(app, &alpha).await;
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    told(app, &own, &push(app, "demo-shop")).await;
    app.settle().await;
    let before = alpha.query(&store).await;
    assert_eq!(before["auth_status"], "SUCCESS");
    told(app, &own, &push(app, "demo-shop")).await;
    app.settle().await;
    assert_eq!(alpha.query(&store).await, before);
    assert_eq!((outcomes(app, "IGNORED").await, sealed(app).await), (1, 0));
}

/// The first exchange is a callback's; what it spent must not be for nothing.
async fn a_code_waits_for_the_exchange_under_way(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let own = own_app(app, &alpha).await;
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    let rule = Rule {
        dialect: Dialect::Genstore,
        shop: None,
        step: Step::Token,
        fault: Fault::Slow {
            delay: std::time::Duration::from_secs(2),
        },
        sticky: false,
    };
    app.sandbox.script(rule).unwrap();
    let pushed = async {
        let mut waited = std::time::Duration::ZERO;
        while exchanges_begun(app).await == 0 {
            assert!(waited < crate::harness::PATIENCE);
            crate::harness::let_pass(std::time::Duration::from_millis(20)).await;
            waited += std::time::Duration::from_millis(20);
        }
        told(app, &own, &push(app, "demo-shop")).await;
        app.process.broker.platform_event_step().await.unwrap();
        let left = "SELECT COUNT(*) FROM platform_events WHERE status = 'RECEIVED'";
        let left = app.database.number(left).await;
        (left, sealed(app).await, exchanges_begun(app).await)
    };
    let (shown, left) = tokio::join!(app.visit(&callback), pushed);
    assert_eq!(left, (1, 1, 1));
    let redirect = shown.header("location");
    let event = app.told(&alpha, &endpoint, &store, redirect).await;
    assert_eq!(event["data"]["auth_status"], "SUCCESS");
    // The store needs the code no more.
    app.advance(std::time::Duration::from_secs(5));
    app.settle().await;
    assert_eq!((outcomes(app, "IGNORED").await, sealed(app).await), (1, 0));
    assert_eq!(exchanges(app), ["token granted"]);
    assert_eq!(alpha.query(&store).await["sequence"], json!(1));
}

async fn a_code_that_buys_nothing_fails_the_store(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let own = own_app(app, &alpha).await;
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    for (fault, reason) in [
        (Fault::CodeAlreadyUsed, "PLATFORM_REJECTED"),
        (Fault::ServerError, "PLATFORM_UNREACHABLE"),
        (
            Fault::WrongShopInToken("other-shop".parse().unwrap()),
            "SELLER_MISMATCH",
        ),
        (Fault::FewerScopes(Vec::new()), "SCOPES_INSUFFICIENT"),
    ] {
        let rule = Rule {
            dialect: Dialect::Genstore,
            shop: None,
            step: Step::Token,
            fault,
            sticky: false,
        };
        app.sandbox.script(rule).unwrap();
        told(app, &own, &push(app, "demo-shop")).await;
        let failed = app.told(&alpha, &endpoint, &store, None).await;
        assert_eq!(failed["data"]["auth_fail_reason"], reason);
    }
}

async fn a_code_without_a_shop_s_domain_means_nothing(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let own = own_app(app, &alpha).await;
    alpha.store(&GENSTORE, "demo-shop").await;
    let mut event = push(app, "demo-shop");
    event.headers.retain(|(name, _)| !name.ends_with("domain"));
    told(app, &own, &event).await;
    app.settle().await;
    assert_eq!((outcomes(app, "IGNORED").await, sealed(app).await), (1, 0));
    assert_eq!(exchanges(app).len(), 0);
}

async fn what_was_recorded_survives_its_process(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let own = own_app(app, &alpha).await;
    alpha.store(&GENSTORE, "demo-shop").await;
    told(app, &own, &push(app, "demo-shop")).await;
    app.stop_serving().await;
    let (one, two) = (app.another_process().await, app.another_process().await);
    let steps = tokio::join!(
        one.broker.platform_event_step(),
        two.broker.platform_event_step()
    );
    steps.0.unwrap();
    steps.1.unwrap();
    assert_eq!(exchanges(app), ["token granted"]);
    let authorized = "SELECT COUNT(*) FROM stores WHERE auth_status = 'SUCCESS'";
    assert_eq!(app.database.number(authorized).await, 1);
    one.stop().await;
    two.stop().await;
}

/// As after a crash: nobody holds on to the attempt any more, and its code may be spent.
async fn an_exchange_that_was_cut_off_is_told(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let own = own_app(app, &alpha).await;
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    let rule = Rule {
        dialect: Dialect::Genstore,
        shop: None,
        step: Step::Token,
        fault: Fault::NoAnswer,
        sticky: false,
    };
    app.sandbox.script(rule).unwrap();
    told(app, &own, &push(app, "demo-shop")).await;
    let broker = app.process.broker.clone();
    let step = app
        .tasks
        .spawn(async move { broker.platform_event_step().await.unwrap() });
    let mut waited = std::time::Duration::ZERO;
    while exchanges_begun(app).await == 0 {
        assert!(waited < crate::harness::PATIENCE);
        crate::harness::let_pass(std::time::Duration::from_millis(50)).await;
        waited += std::time::Duration::from_millis(50);
    }
    // Its holder cannot extend it any more, as if it were dead.
    let dead =
        "UPDATE authorizations SET lease_until = 0, lease_id = id WHERE status = 'EXCHANGING'";
    app.database.execute(dead).await;
    app.process.broker.deadline_step().await.unwrap();
    let event = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(event["data"]["auth_fail_reason"], "INTERRUPTED");
    // What the dead one brings commits nothing.
    step.await.unwrap();
    assert_eq!(alpha.query(&store).await["sequence"], json!(1));
}

async fn exchanges_begun(app: &TestApp) -> i64 {
    let sql = "SELECT COUNT(*) FROM authorizations WHERE status = 'EXCHANGING'";
    app.database.number(sql).await
}

fn another_header() -> Setup {
    Setup {
        change_options: |options| {
            let name = "x-genstore-store".to_owned();
            options.shop_headers = vec![(GENSTORE.platform, name)];
        },
        ..Setup::default()
    }
}

async fn the_header_has_the_name_that_the_operator_set(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let own = own_app(app, &alpha).await;
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    let mut event = push(app, "demo-shop");
    told(app, &own, &event).await;
    app.settle().await;
    assert_eq!(outcomes(app, "IGNORED").await, 1);
    app.advance(std::time::Duration::from_hours(1));
    for (name, _) in &mut event.headers {
        if name.ends_with("domain") {
            *name = "x-genstore-store";
        }
    }
    let fresh = push(app, "demo-shop");
    event.body.clone_from(&fresh.body);
    let body: Value = serde_json::from_str(&fresh.body).unwrap();
    told(app, &own, &with_body(&event, &body)).await;
    app.settle().await;
    assert_eq!(alpha.status(&store).await.0, "SUCCESS");
}
