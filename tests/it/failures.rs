//! Ways in which an authorization by URL fails that lie with us as much as with the platform, told alike on
//! every channel. What the platforms do alone is in [`crate::dialects`].

use std::time::Duration;

use broker::{Clock, Operator};
use sandbox::{Dialect, Fault, Rule, Step};
use serde_json::json;
use tokio::net::TcpSocket;

use crate::harness::{CAFE24, GENSTORE, Gate, SHOPLINE, TestApp};

on_both!(
    the_link_expires_before_the_seller_comes,
    the_shop_is_another_institution_s,
    the_platform_says_so_in_the_callback,
    the_platform_cannot_be_connected_to,
    the_operator_s_app_is_wrong,
    the_exchange_is_cut_off,
    the_grant_expires,
);

/// What the event says of a failure.
fn fail(reason: &str, who: &str, retryable: bool) -> serde_json::Value {
    json!({"reason": reason, "who": who, "retryable": retryable})
}

async fn the_link_expires_before_the_seller_comes(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    alpha.link(&store).await;
    app.advance(Duration::from_secs(24 * 3600 - 1));
    app.settle().await;
    let alpha = {
        let mut alpha = alpha;
        alpha.renew_token().await;
        alpha
    };
    assert_eq!(
        alpha.status(&store).await,
        ("PROCESSING".to_owned(), String::new())
    );

    app.advance(Duration::from_secs(1));
    let event = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(event["type"], "store.auth.failed");
    assert_eq!(event["data"]["fail"], fail("LINK_EXPIRED", "seller", true));
}

async fn the_shop_is_another_institution_s(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    let endpoint = beta.endpoint(app, "/beta", &[]).await;
    for (case, again) in [
        (SHOPLINE, crate::harness::SHOPLINE_EU),
        (GENSTORE, GENSTORE),
        (CAFE24, CAFE24),
    ] {
        let first = alpha.store(&case, "demo-shop").await;
        let callback = app.approve(&alpha.link(&first).await).await;
        app.visit(&callback).await;

        // Both sites of SHOPLINE are one realm.
        let second = beta.store(&again, "demo-shop").await;
        let callback = app.approve(&beta.link(&second).await).await;
        let shown = app.visit(&callback).await;
        let event = app
            .told(&beta, &endpoint, &second, shown.header("location"))
            .await;
        let fail = fail("SELLER_ALREADY_AUTHORIZED", "institution", false);
        assert_eq!(event["data"]["fail"], fail);

        // The winner is untouched, and what it frees is free.
        assert_eq!(
            alpha.status(&first).await,
            ("SUCCESS".to_owned(), String::new())
        );
        alpha.data("store/unbind", &first.ids()).await;
        // The claim is free as soon as the platform knows.
        app.settle().await;
        let callback = app.approve(&beta.link(&second).await).await;
        let shown = app.visit(&callback).await;
        let event = app
            .told(&beta, &endpoint, &second, shown.header("location"))
            .await;
        assert_eq!(event["type"], "store.auth.succeeded");
    }
}

async fn the_platform_says_so_in_the_callback(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    for (error, expected) in [
        ("access_denied", fail("USER_DENIED", "seller", true)),
        (
            "invalid_scope",
            fail("PLATFORM_APP_MISCONFIGURED", "operator", false),
        ),
        ("server_error", fail("PLATFORM_REJECTED", "platform", true)),
    ] {
        let state = SHOPLINE.state_of(&alpha.link(&store).await);
        let clock = &app.surroundings.clock;
        // What stands beside an error is no code.
        let more = [("error", error), ("code", "c0de")];
        let query = SHOPLINE.query(clock, "demo-shop", &state, &more);
        let url = format!("{}{}?{query}", app.base_url, SHOPLINE.callback_path());
        let shown = app.visit(&url).await;
        let event = app
            .told(&alpha, &endpoint, &store, shown.header("location"))
            .await;
        assert_eq!(event["data"]["fail"], expected);
    }
    assert!(app.sandbox.calls().is_empty(), "nobody spends a code");
}

async fn the_platform_cannot_be_connected_to(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    // A port that is taken and not listened to refuses.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let closed = socket.local_addr().unwrap();
    let configuration = SHOPLINE.configuration(closed);
    app.process
        .broker
        .configure_platform_app(&Operator, configuration)
        .await
        .unwrap();
    let shown = app.visit(&callback).await;
    let event = app
        .told(&alpha, &endpoint, &store, shown.header("location"))
        .await;
    assert_eq!(
        event["data"]["fail"],
        fail("PLATFORM_UNREACHABLE", "platform", true)
    );
}

async fn the_operator_s_app_is_wrong(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    for case in [GENSTORE, CAFE24] {
        let store = alpha.store(&case, "demo-shop").await;
        let callback = app.approve(&alpha.link(&store).await).await;
        // The platform got a new secret between the callback and the exchange.
        let mut registration = case.registration(String::new());
        registration.client_secret = "another secret".into();
        app.sandbox.register_app(registration);
        let shown = app.visit(&callback).await;
        let event = app
            .told(&alpha, &endpoint, &store, shown.header("location"))
            .await;
        assert_eq!(
            event["data"]["fail"],
            fail("PLATFORM_APP_MISCONFIGURED", "operator", false)
        );
    }
}

async fn the_exchange_is_cut_off(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    let mut gate = Gate::before(app.sandbox_address).await;
    let configuration = SHOPLINE.configuration(gate.address);
    app.process
        .broker
        .configure_platform_app(&Operator, configuration)
        .await
        .unwrap();

    let (http, url) = (app.http.clone(), callback.clone());
    let visit = app
        .tasks
        .spawn(async move { http.get(&url).send().await.unwrap() });
    gate.arrival().await;
    // As long as whoever exchanges holds on, nobody takes it away.
    app.settle().await;
    assert_eq!(
        alpha.status(&store).await,
        ("PROCESSING".to_owned(), String::new())
    );
    // It holds on again every two seconds of real time, which cannot keep up with this clock.
    while alpha.status(&store).await.0 == "PROCESSING" {
        app.advance(Duration::from_secs(6));
        app.process.broker.deadline_step().await.unwrap();
    }
    let event = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(event["type"], "store.auth.failed");
    assert_eq!(
        event["data"]["fail"],
        fail("INTERRUPTED", "institution", true)
    );

    // The answer comes after all, and changes nothing: the browser sees what was told.
    gate.let_one_through();
    let shown = crate::harness::Answer::of(visit.await.unwrap()).await;
    let location = shown.header("location").unwrap();
    assert!(
        location.ends_with("&auth_status=FAILED&auth_fail_reason=INTERRUPTED"),
        "{location}"
    );
    assert_eq!(
        alpha.status(&store).await,
        ("FAILED".to_owned(), "INTERRUPTED".to_owned())
    );
}

async fn the_grant_expires(app: &TestApp) {
    let mut alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    let shown = app.visit(&callback).await;
    app.told(&alpha, &endpoint, &store, shown.header("location"))
        .await;

    // Nothing renews it for a day.
    let (dialect, step, fault) = (Dialect::Shopline, Step::Token, Fault::ServerError);
    app.sandbox
        .script(Rule {
            dialect,
            shop: None,
            step,
            fault,
            sticky: true,
        })
        .unwrap();
    for hours in [5, 23] {
        app.advance(Duration::from_hours(hours));
        app.settle().await;
        alpha.renew_token().await;
        assert_eq!(
            alpha.status(&store).await,
            ("SUCCESS".to_owned(), String::new())
        );
    }
    app.advance(Duration::from_hours(1));
    let event = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(event["type"], "store.auth.expired");
    assert_eq!(event["data"]["fail"], fail("AUTH_EXPIRED", "seller", true));
    assert_eq!(event["data"]["auth_status"], "FAILED");
    for name in [
        "scopes",
        "authorized_at",
        "expires_at",
        "health",
        "shop_identity",
    ] {
        assert!(event["data"].get(name).is_none(), "{name}");
    }
    assert_eq!(
        event["data"]["finished"],
        app.surroundings.clock.now().timestamp_millis()
    );

    // The claim is free: another store of the same institution may ask for the shop, and so may this one.
    app.sandbox.clear_script();
    let other = alpha.store(&SHOPLINE, "demo-shop").await;
    alpha.link(&other).await;
    let callback = app.approve(&alpha.link(&store).await).await;
    let shown = app.visit(&callback).await;
    let event = app
        .told(&alpha, &endpoint, &store, shown.header("location"))
        .await;
    assert_eq!(event["type"], "store.auth.succeeded");
}
