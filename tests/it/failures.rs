//! Every way in which an authorization by URL fails, told alike on every channel.

use std::time::Duration;

use broker::{Clock, Operator};
use sandbox::{Dialect, Fault, Rule, Step};
use serde_json::json;
use tokio::net::TcpSocket;

use crate::harness::{CAFE24, Decision, GENSTORE, Gate, PlatformCase, SHOPLINE, TestApp};

on_both!(
    the_seller_says_no,
    the_link_expires_before_the_seller_comes,
    another_shop_consents,
    another_shop_answers_the_token_call,
    the_shop_is_another_institution_s,
    a_scope_is_not_granted,
    the_platform_refuses,
    the_platform_says_so_in_the_callback,
    the_platform_gives_no_answer_that_counts,
    the_platform_cannot_be_connected_to,
    the_operator_s_app_is_wrong,
    the_exchange_is_cut_off,
    the_grant_expires,
);

/// What the event says of a failure.
fn fail(reason: &str, who: &str, retryable: bool) -> serde_json::Value {
    json!({"reason": reason, "who": who, "retryable": retryable})
}

/// How the seller's part goes.
struct Story {
    case: PlatformCase,
    step: Step,
    fault: Option<Fault>,
    decision: Decision,
}

impl Story {
    fn of(case: PlatformCase, step: Step, fault: Fault) -> Self {
        Self {
            case,
            step,
            fault: Some(fault),
            decision: Decision::Approve,
        }
    }
}

/// Plays a story that ends badly, and compares every channel. Asking again has to work afterwards.
async fn check(app: &TestApp, played: Story, reason: &str, who: &str, retryable: bool) {
    let Story {
        case,
        step,
        fault,
        decision,
    } = played;
    let expected = fail(reason, who, retryable);
    let institution = app.institution("Alpha").await;
    let endpoint = institution.endpoint(app, "/alpha", &[]).await;
    let store = institution.store(&case, "demo-shop").await;
    let auth_url = institution.link(&store).await;
    if let Some(fault) = fault {
        let rule = Rule {
            dialect: case.dialect,
            shop: None,
            step,
            fault,
            sticky: false,
        };
        app.sandbox.script(rule).unwrap();
    }
    let callback = app.decide(&auth_url, decision).await;
    let shown = app.visit(&callback).await;
    assert_eq!(shown.status, 303, "{}", shown.text);

    let event = app
        .told(&institution, &endpoint, &store, shown.header("location"))
        .await;
    assert_eq!(event["type"], "store.auth.failed");
    assert_eq!(event["data"]["fail"], expected);
    assert_eq!(event["data"]["auth_status"], "FAILED");
    assert_eq!(event["data"]["sequence"], 1);

    app.sandbox.clear_script();
    let callback = app.approve(&institution.link(&store).await).await;
    let shown = app.visit(&callback).await;
    let event = app
        .told(&institution, &endpoint, &store, shown.header("location"))
        .await;
    assert_eq!(event["type"], "store.auth.succeeded");
    assert_eq!(event["data"]["sequence"], 2);
    // The next story begins without this one's claim.
    institution.data("store/unbind", &store.ids()).await;
    app.settle().await;
    assert_eq!(
        app.receiver.take_one().verified(&endpoint.secret)["type"],
        "store.unbound"
    );
}

async fn the_seller_says_no(app: &TestApp) {
    for case in [SHOPLINE, GENSTORE, CAFE24] {
        let story = Story {
            case,
            step: Step::Consent,
            fault: None,
            decision: Decision::Deny,
        };
        check(app, story, "USER_DENIED", "seller", true).await;
    }
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

async fn another_shop_consents(app: &TestApp) {
    for case in [SHOPLINE, GENSTORE] {
        let other = Fault::WrongShop("other-shop".parse().unwrap());
        check(
            app,
            Story::of(case, Step::Consent, other),
            "SELLER_MISMATCH",
            "seller",
            true,
        )
        .await;
    }
    // Its code was left alone; the one token call of each story is the good one.
    let calls = app.sandbox.calls();
    let exchanges = calls.iter().filter(|call| call.path.contains("token"));
    assert_eq!(exchanges.count(), 2);
}

async fn another_shop_answers_the_token_call(app: &TestApp) {
    for case in [SHOPLINE, GENSTORE, CAFE24] {
        let other = Fault::WrongShopInToken("other-shop".parse().unwrap());
        check(
            app,
            Story::of(case, Step::Token, other),
            "SELLER_MISMATCH",
            "seller",
            true,
        )
        .await;
    }
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
        let callback = app.approve(&beta.link(&second).await).await;
        let shown = app.visit(&callback).await;
        let event = app
            .told(&beta, &endpoint, &second, shown.header("location"))
            .await;
        assert_eq!(event["type"], "store.auth.succeeded");
    }
}

async fn a_scope_is_not_granted(app: &TestApp) {
    for case in [SHOPLINE, GENSTORE, CAFE24] {
        let none = Fault::FewerScopes(Vec::new());
        let story = Story::of(case, Step::Consent, none);
        check(app, story, "SCOPES_INSUFFICIENT", "seller", true).await;
    }
}

async fn the_platform_refuses(app: &TestApp) {
    for case in [SHOPLINE, GENSTORE, CAFE24] {
        for fault in [Fault::Deny, Fault::CodeAlreadyUsed] {
            let story = Story::of(case, Step::Token, fault);
            check(app, story, "PLATFORM_REJECTED", "platform", true).await;
        }
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

async fn the_platform_gives_no_answer_that_counts(app: &TestApp) {
    for case in [SHOPLINE, GENSTORE, CAFE24] {
        for fault in [Fault::ServerError, Fault::TooManyRequests, Fault::Garbage] {
            let story = Story::of(case, Step::Token, fault);
            check(app, story, "PLATFORM_UNREACHABLE", "platform", true).await;
        }
    }
    // A code that may be spent is never sent twice.
    let calls = app.sandbox.calls();
    let exchanges = calls.iter().filter(|call| call.path.contains("token"));
    assert_eq!(exchanges.count(), 18);
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
