//! Grants are kept alive, by one call for all processes; and what cannot be kept alive is told.

mod crash;

use std::time::Duration;

use futures_util::future::join_all;
use sandbox::{Dialect, Fault, Rule, Step};
use serde_json::json;

use crate::harness::{
    CAFE24, Endpoint, GENSTORE, Institution, PlatformCase, SHOPLINE, Store, TestApp,
};

on_both!(
    a_grant_lives_through_a_week,
    three_processes_make_one_call,
    a_platform_in_trouble_is_asked_again_by_whoever_is_left,
    an_uninstalled_app_ends_the_grant,
    the_operator_s_fault_ends_no_grant,
    an_answer_that_never_came_ends_a_rotating_grant,
    an_end_that_nothing_prevents_is_told_ahead,
    a_grant_of_the_version_before_is_renewed,
);

const HOUR: Duration = Duration::from_hours(1);

async fn authorized(app: &TestApp, case: &PlatformCase) -> (Institution, Endpoint, Store) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = alpha.store(case, "demo-shop").await;
    let shown = app
        .visit(&app.approve(&alpha.link(&store).await).await)
        .await;
    app.told(&alpha, &endpoint, &store, shown.header("location"))
        .await;
    (alpha, endpoint, store)
}

/// What the platform made of each call for a newer token.
fn refreshes(app: &TestApp) -> Vec<&'static str> {
    let calls = app.sandbox.calls();
    calls
        .iter()
        .filter(|call| call.path.ends_with("/token/refresh"))
        .map(|call| call.outcome)
        .collect()
}

fn script(app: &TestApp, dialect: Dialect, fault: Fault, sticky: bool) {
    let rule = Rule {
        dialect,
        shop: None,
        step: Step::Token,
        fault,
        sticky,
    };
    app.sandbox.script(rule).unwrap();
}

async fn health(institution: &mut Institution, store: &Store) -> String {
    institution.renew_token().await;
    let snapshot = institution.query(store).await;
    assert_eq!(snapshot["auth_status"], "SUCCESS");
    snapshot["health"].as_str().unwrap().to_owned()
}

async fn a_grant_lives_through_a_week(app: &TestApp) {
    let (mut alpha, _, store) = authorized(app, &SHOPLINE).await;
    let before = alpha.query(&store).await;
    for _ in 0..7 * 24 {
        app.advance(HOUR);
        app.settle().await;
    }
    assert_eq!(health(&mut alpha, &store).await, "HEALTHY");
    // Of ten hours' life each; the last call was three hours ago.
    assert_eq!(refreshes(app), ["token refreshed"; 33]);
    let mut expected = before;
    let ends = app.now() - 3 * HOUR + 10 * HOUR;
    expected["expires_at"] = ends
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
        .into();
    expected["revision"] = (3 + 33).into();
    assert_eq!(alpha.query(&store).await, expected);
    let generations = "SELECT generation FROM grants";
    assert_eq!(app.database.number(generations).await, 34);
}

async fn three_processes_make_one_call(app: &TestApp) {
    let (mut alpha, _, store) = authorized(app, &SHOPLINE).await;
    app.advance(5 * HOUR);
    let others = [app.another_process().await, app.another_process().await];
    let brokers = [&app.process.broker, &others[0].broker, &others[1].broker];
    let steps = (0..60).map(|number| {
        let broker = brokers[number % brokers.len()].clone();
        app.tasks
            .spawn(async move { broker.refresh_step().await.unwrap() })
    });
    for step in join_all(steps).await {
        step.unwrap();
    }
    assert_eq!(refreshes(app), ["token refreshed"]);
    assert_eq!(health(&mut alpha, &store).await, "HEALTHY");
    for other in others {
        other.stop().await;
    }
}

async fn a_platform_in_trouble_is_asked_again_by_whoever_is_left(app: &TestApp) {
    let (mut alpha, _, store) = authorized(app, &SHOPLINE).await;
    let faults = [
        Fault::ServerError,
        Fault::TooManyRequests,
        Fault::Garbage,
        Fault::OkWithError,
    ];
    for fault in faults {
        script(app, Dialect::Shopline, fault, false);
    }
    app.advance(5 * HOUR);
    app.settle().await;
    assert_eq!(refreshes(app), ["scripted: server_error"]);
    assert_eq!(health(&mut alpha, &store).await, "REFRESH_FAILING");
    let told = alpha.query(&store).await;
    assert_eq!(
        (&told["sequence"], &told["revision"]),
        (&json!(1), &json!(4))
    );

    // The next try is due after five seconds, a fifth more or less, whichever process it is then.
    app.advance(Duration::from_secs(3));
    app.settle().await;
    assert_eq!(refreshes(app).len(), 1);
    let other = app.another_process().await;
    for (wait, tries) in [(3, 2), (24, 2), (12, 3), (144, 4), (360, 5)] {
        app.advance(Duration::from_secs(wait));
        other.settle().await;
        assert_eq!(refreshes(app).len(), tries, "after {wait} s");
    }
    assert_eq!(
        refreshes(app)[1..],
        [
            "scripted: too_many_requests",
            "scripted: garbage",
            "scripted: ok_with_error",
            "token refreshed"
        ]
    );
    assert_eq!(health(&mut alpha, &store).await, "HEALTHY");
    // The waits begin anew.
    script(app, Dialect::Shopline, Fault::ServerError, false);
    app.advance(5 * HOUR);
    app.settle().await;
    app.advance(Duration::from_secs(6));
    app.settle().await;
    assert_eq!(refreshes(app).len(), 7);
    other.stop().await;
}

async fn an_uninstalled_app_ends_the_grant(app: &TestApp) {
    let (mut alpha, endpoint, store) = authorized(app, &SHOPLINE).await;
    let shop = "demo-shop".parse().unwrap();
    app.sandbox.uninstall(Dialect::Shopline, &shop);
    app.advance(5 * HOUR);
    alpha.renew_token().await;
    let event = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(event["type"], "store.auth.revoked");
    assert_eq!(
        event["data"]["fail"],
        json!({"reason": "AUTH_REVOKED", "who": "seller", "retryable": true})
    );
    assert_eq!(event["data"]["auth_status"], "FAILED");
    assert!(event["data"].get("health").is_none());
    assert_eq!(refreshes(app), ["refused: not installed"]);

    // Nobody holds the shop any more, and nobody asks again.
    app.advance(5 * HOUR);
    app.settle().await;
    assert_eq!(refreshes(app).len(), 1);
    alpha.renew_token().await;
    let other = alpha.store(&SHOPLINE, "demo-shop").await;
    alpha.link(&other).await;
}

async fn the_operator_s_fault_ends_no_grant(app: &TestApp) {
    let (mut alpha, _, store) = authorized(app, &SHOPLINE).await;
    script(app, Dialect::Shopline, Fault::AddressRefused, true);
    for _ in 0..60 {
        app.advance(HOUR);
        app.settle().await;
    }
    assert_eq!(health(&mut alpha, &store).await, "REFRESH_FAILING");
    app.sandbox.clear_script();
    // An operator who mended it need not wait for long.
    app.advance(Duration::from_mins(6));
    app.settle().await;
    assert_eq!(health(&mut alpha, &store).await, "HEALTHY");
    assert_eq!(refreshes(app).last(), Some(&"token refreshed"));
}

/// The platform spent the refresh token, and its answer was lost: the token is tried once more, and so is
/// the one before.
async fn an_answer_that_never_came_ends_a_rotating_grant(app: &TestApp) {
    let (mut alpha, endpoint, store) = authorized(app, &CAFE24).await;
    app.advance(HOUR);
    app.settle().await;
    assert_eq!(health(&mut alpha, &store).await, "HEALTHY");
    let generation = "SELECT generation FROM grants WHERE previous_refresh_token IS NOT NULL";
    assert_eq!(app.database.number(generation).await, 2);

    let lost = Fault::Slow {
        delay: Duration::from_secs(11),
    };
    script(app, Dialect::Cafe24, lost, false);
    app.advance(HOUR);
    app.settle().await;
    assert_eq!(health(&mut alpha, &store).await, "UNCERTAIN");
    app.advance(Duration::from_secs(6));
    let event = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(event["type"], "store.auth.expired");
    assert_eq!(event["data"]["auth_fail_reason"], "AUTH_EXPIRED");
}

async fn an_end_that_nothing_prevents_is_told_ahead(app: &TestApp) {
    let (mut alpha, endpoint, store) = authorized(app, &GENSTORE).await;
    // No platform here gives such an end yet: in ten days, of which seven are notice.
    app.database
        .execute(
            "UPDATE grants SET expires_at = created_at + 864000000, \
             notice_at = created_at + 259200000",
        )
        .await;
    app.advance(71 * HOUR);
    app.settle().await;
    app.advance(HOUR);
    alpha.renew_token().await;
    let event = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(event["type"], "store.auth.expiring");
    let data = &event["data"];
    assert_eq!(data["auth_status"], "SUCCESS");
    assert_eq!(data["health"], "EXPIRING");
    assert_eq!(data["reauthorize_by"], "2026-12-01T18:00:00.000Z");
    assert_eq!(data["sequence"], 2);

    app.advance(7 * 24 * HOUR);
    alpha.renew_token().await;
    let event = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(event["type"], "store.auth.expired");
    assert_eq!(event["data"]["sequence"], 3);
    assert!(event["data"].get("reauthorize_by").is_none());
}

/// It plans no renewal, and may run beside this one.
async fn a_grant_of_the_version_before_is_renewed(app: &TestApp) {
    let (mut alpha, _, store) = authorized(app, &SHOPLINE).await;
    app.database
        .execute("UPDATE grants SET next_refresh_at = NULL")
        .await;
    app.advance(10 * HOUR);
    app.settle().await;
    assert_eq!(health(&mut alpha, &store).await, "HEALTHY");
    assert_eq!(refreshes(app), ["token refreshed"]);
}
