//! What is Cafe24's own: callbacks that nobody signs, malls with several shops, codes that live a minute, and
//! times in Korea's zone.

use std::time::Duration;

use broker::Operator;
use sandbox::{Fault, Rule, Step};
use serde_json::json;

use crate::harness::{CAFE24, GENSTORE, Institution, SHOPLINE, Store, TestApp, refused};

on_both!(
    a_callback_counts_by_its_state_alone,
    a_state_is_good_for_its_own_platform_and_mall,
    a_shop_of_a_mall_is_a_shop_of_its_own,
    a_code_that_is_a_minute_old_is_refused,
    a_scope_that_the_platform_does_not_know_is_the_operators_fault,
    the_address_must_be_a_mall_s,
);

/// Asks for the authorization of the store for `seller_id`, and returns the link.
async fn link(alpha: &Institution, store: &Store, seller_id: &str) -> String {
    let fields = json!({"auth_type": "URL", "seller_id": seller_id});
    let data = alpha.data("store/auth", &store.with(fields)).await;
    data["auth_url"].as_str().unwrap().to_owned()
}

fn token_calls(app: &TestApp) -> Vec<String> {
    let calls = app.sandbox.calls();
    let calls = calls.into_iter().filter(|call| call.method == "POST");
    calls
        .map(|call| call.path)
        .filter(|path| path.ends_with("/token"))
        .collect()
}

async fn a_callback_counts_by_its_state_alone(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&CAFE24, "demomall").await;
    let auth_url = alpha.link(&store).await;
    let callback = app.approve(&auth_url).await;
    let state = CAFE24.state_of(&auth_url);
    let before = alpha.query(&store).await;
    let path = format!("{}{}", app.base_url, CAFE24.callback_path());
    for query in [
        String::new(),
        "code=c0de".to_owned(),
        "code=c0de&state=".to_owned(),
        "code=c0de&state=a-state-that-nobody-minted".to_owned(),
        "error=access_denied&state=a-state-that-nobody-minted".to_owned(),
        format!("code=c0de&state={state}x"),
        format!("code=c0de&state={state}&state={state}"),
        format!("code=c0de&code=c1de&state={state}"),
    ] {
        assert_eq!(app.visit(&format!("{path}?{query}")).await.status, 400);
    }
    assert_eq!(alpha.query(&store).await, before);
    assert_eq!(token_calls(app), [""; 0]);

    app.advance(Duration::from_secs(59));
    assert_eq!(app.visit(&callback).await.status, 303);
    let snapshot = alpha.query(&store).await;
    assert_eq!(snapshot["auth_status"], "SUCCESS");
    assert_eq!(snapshot["expires_at"], "2026-11-21T20:00:59.000Z");
}

async fn a_state_is_good_for_its_own_platform_and_mall(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = alpha.store(&CAFE24, "demomall").await;
    let genstore = alpha.store(&GENSTORE, "demo-shop").await;
    let foreign = GENSTORE.state_of(&alpha.link(&genstore).await);
    let own = CAFE24.state_of(&alpha.link(&store).await);
    let path = format!("{}{}", app.base_url, CAFE24.callback_path());
    // An unsigned callback must not end what another platform would have signed for.
    let moved = app.visit(&format!("{path}?error=x&state={foreign}")).await;
    assert_eq!(moved.status, 400);
    for case in [GENSTORE, SHOPLINE] {
        let url = format!("{}{}", app.base_url, case.callback_path());
        let moved = app.visit(&format!("{url}?code=c&state={own}")).await;
        assert_eq!(moved.status, 400);
    }
    assert_eq!(alpha.status(&genstore).await.0, "PROCESSING");

    // The callback names no mall: that another one consented shows in the token's answer.
    let rule = Rule {
        dialect: CAFE24.dialect,
        shop: None,
        step: Step::Consent,
        fault: Fault::WrongShop("othermall".parse().unwrap()),
        sticky: false,
    };
    app.sandbox.script(rule).unwrap();
    let callback = app.approve(&alpha.link(&store).await).await;
    let shown = app.visit(&callback).await;
    let event = app
        .told(&alpha, &endpoint, &store, shown.header("location"))
        .await;
    assert_eq!(event["data"]["auth_fail_reason"], "SELLER_MISMATCH");
    assert_eq!(token_calls(app), ["/cafe24/demomall/api/v2/oauth/token"]);
}

/// `mall/2` is another shop than `mall`, which is `mall/1`, at the same host.
async fn a_shop_of_a_mall_is_a_shop_of_its_own(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let client_id = alpha.client("seller").await;
    for (store_url, seller_id, identity) in [
        ("https://first.example", "demomall/1", "demomall"),
        ("https://demomall.cafe24.com", "demomall/2", "demomall/2"),
    ] {
        let store = alpha.create(&client_id, "CAFE24", store_url).await;
        let auth_url = link(&alpha, &store, seller_id).await;
        assert!(auth_url.contains("/cafe24/demomall/api/v2/oauth/authorize?response_type=code&"));
        let callback = app.approve(&auth_url).await;
        assert_eq!(app.visit(&callback).await.status, 200);
        let snapshot = alpha.query(&store).await;
        assert_eq!(snapshot["auth_status"], "SUCCESS");
        assert_eq!(snapshot["seller_id"], seller_id);
        assert_eq!(snapshot["shop_identity"], identity);
    }
    for held in ["demomall", "demomall/1", "demomall/2"] {
        let store = alpha
            .create(&client_id, "CAFE24", "https://x.example")
            .await;
        let asked = store.with(json!({"auth_type": "URL", "seller_id": held}));
        let answer = alpha.call("store/auth", &asked).await;
        assert_eq!(answer, refused(900_003, "seller id already authorized"));
    }
    app.settle().await;
}

async fn a_code_that_is_a_minute_old_is_refused(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = alpha.store(&CAFE24, "demomall").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    app.advance(Duration::from_secs(61));
    let shown = app.visit(&callback).await;
    let event = app
        .told(&alpha, &endpoint, &store, shown.header("location"))
        .await;
    assert_eq!(event["data"]["auth_fail_reason"], "PLATFORM_REJECTED");
}

async fn a_scope_that_the_platform_does_not_know_is_the_operators_fault(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let mut configuration = CAFE24.configuration(app.sandbox_address);
    configuration.scopes = vec!["mall.read_orders".to_owned()];
    app.process
        .broker
        .configure_platform_app(&Operator, configuration)
        .await
        .unwrap();
    let store = alpha.store(&CAFE24, "demomall").await;
    // The seller sees no page to consent on.
    let refused = app.visit(&alpha.link(&store).await).await;
    let shown = app.visit(refused.header("location").unwrap()).await;
    let event = app
        .told(&alpha, &endpoint, &store, shown.header("location"))
        .await;
    assert_eq!(
        event["data"]["auth_fail_reason"],
        "PLATFORM_APP_MISCONFIGURED"
    );
}

async fn the_address_must_be_a_mall_s(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let client_id = alpha.client("seller").await;
    let store = alpha
        .create(&client_id, "CAFE24", "https://demomall.cafe24.com")
        .await;
    for (seller_id, problem) in [
        ("dm", "seller_id must look like demomall"),
        ("evil.example/1", "seller_id must look like demomall"),
        ("demomall/0", "seller_id must look like demomall"),
        ("demomall/2/3", "seller_id must look like demomall"),
        ("othermall/1", "seller_id contradicts the shop in store_url"),
    ] {
        let asked = store.with(json!({"auth_type": "URL", "seller_id": seller_id}));
        let answer = alpha.call("store/auth", &asked).await;
        assert_eq!(answer, refused(900_002, problem), "{seller_id}");
    }
    assert_eq!(alpha.status(&store).await.0, "UNAUTHORIZED");
}
