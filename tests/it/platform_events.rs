//! What platforms tell by themselves: recorded once, and worth no more than what the platform says when it is
//! asked.

use std::time::Duration;

use sandbox::{Fault, Rule, SignedEvent, Step, Topic};
use serde_json::json;

use crate::harness::{Answer, GENSTORE, Institution, PlatformCase, SHOPLINE, Store, TestApp};

on_both!(
    an_uninstalled_app_ends_the_grant_and_every_channel_says_so,
    a_grant_that_lives_is_not_ended_by_an_event,
    what_no_platform_signed_is_not_recorded,
    an_event_that_comes_again_is_the_same_event,
    a_platform_that_is_down_is_asked_again,
    a_platform_that_stays_down_is_not_asked_for_ever,
    what_was_recorded_survives_its_process,
    compliance_events_are_recorded_and_acted_on,
    an_event_is_about_the_app_of_its_path,
);

impl TestApp {
    pub(crate) fn event(&self, case: &PlatformCase, shop: &str, topic: Topic) -> SignedEvent {
        let shop = shop.parse().unwrap();
        self.sandbox
            .event(case.dialect, &shop, Some(case.client_id), topic)
            .unwrap()
    }

    pub(crate) async fn tell_at(&self, path: &str, event: &SignedEvent) -> Answer {
        let mut request = self.http.post(format!("{}{path}", self.base_url));
        for (name, value) in &event.headers {
            request = request.header(*name, value);
        }
        Answer::of(request.body(event.body.clone()).send().await.unwrap()).await
    }

    pub(crate) async fn tell(&self, case: &PlatformCase, event: &SignedEvent) {
        let answer = self.tell_at(&case.events_path(), event).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    }

    /// How many events ended so.
    pub(crate) async fn outcomes(&self, outcome: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) FROM platform_events WHERE outcome = '{outcome}'");
        self.database.number(sql).await
    }

    pub(crate) async fn recorded(&self) -> i64 {
        self.database
            .number("SELECT COUNT(*) FROM platform_events")
            .await
    }

    pub(crate) fn uninstall(&self, case: &PlatformCase, shop: &str) {
        self.sandbox.uninstall(case.dialect, &shop.parse().unwrap());
    }

    pub(crate) fn next_probe_fails(&self, case: &PlatformCase, is_sticky: Stickiness) {
        let rule = Rule {
            dialect: case.dialect,
            shop: None,
            step: Step::Probe,
            fault: Fault::ServerError,
            sticky: is_sticky == Stickiness::Always,
        };
        self.sandbox.script(rule).unwrap();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stickiness {
    Once,
    Always,
}

async fn authorized(app: &TestApp, alpha: &Institution, case: &PlatformCase, shop: &str) -> Store {
    let store = alpha.store(case, shop).await;
    let callback = app.approve(&alpha.link(&store).await).await;
    assert_eq!(app.visit(&callback).await.status, 303);
    store
}

fn success() -> (String, String) {
    ("SUCCESS".to_owned(), String::new())
}

fn uninstalled() -> (String, String) {
    ("FAILED".to_owned(), "APP_UNINSTALLED".to_owned())
}

async fn an_uninstalled_app_ends_the_grant_and_every_channel_says_so(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    for (number, case) in (1..).zip([SHOPLINE, GENSTORE]) {
        let store = authorized(app, &alpha, &case, "demo-shop").await;
        app.told(&alpha, &endpoint, &store, None).await;
        app.uninstall(&case, "demo-shop");
        let event = app.event(&case, "demo-shop", Topic::Uninstalled);
        app.tell(&case, &event).await;
        // It is answered before it is handled.
        assert_eq!(alpha.status(&store).await, success());

        let told = app.told(&alpha, &endpoint, &store, None).await;
        assert_eq!(told["type"], "store.auth.revoked");
        assert_eq!(told["data"]["auth_status"], "FAILED");
        assert_eq!(told["data"]["fail"]["reason"], "APP_UNINSTALLED");
        assert_eq!(told["data"]["sequence"], 2);
        assert_eq!(app.outcomes("GRANT_ENDED").await, number);
        let live = "SELECT COUNT(*) FROM grants WHERE status = 'LIVE' OR credential IS NOT NULL";
        assert_eq!(app.database.number(live).await, number - 1);

        // The shop is free, and the store can be authorized again; the event of before comes again then.
        let other = authorized(app, &alpha, &case, "demo-shop").await;
        app.told(&alpha, &endpoint, &other, None).await;
        app.tell(&case, &event).await;
        app.settle().await;
        assert_eq!(alpha.status(&other).await, success());
    }
}

async fn a_grant_that_lives_is_not_ended_by_an_event(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    for (number, case) in (1..).zip([SHOPLINE, GENSTORE]) {
        let store = authorized(app, &alpha, &case, "demo-shop").await;
        let before = alpha.query(&store).await;
        let event = app.event(&case, "demo-shop", Topic::Uninstalled);
        app.tell(&case, &event).await;
        app.settle().await;
        assert_eq!(alpha.query(&store).await, before);
        assert_eq!(app.outcomes("GRANT_ALIVE").await, number);
        let event = app.event(&case, "demo-shop", Topic::Installed);
        app.tell(&case, &event).await;
        app.settle().await;
        assert_eq!(app.outcomes("IGNORED").await, number);
    }
}

async fn what_no_platform_signed_is_not_recorded(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    for case in [SHOPLINE, GENSTORE] {
        let store = authorized(app, &alpha, &case, "demo-shop").await;
        app.uninstall(&case, "demo-shop");
        let right = app.event(&case, "demo-shop", Topic::Uninstalled);
        let mut altered = right.clone();
        altered.body = altered.body.replace('{', "{ ");
        let mut unsigned = right.clone();
        unsigned
            .headers
            .retain(|(name, _)| !name.ends_with("hmac-sha256"));
        let mut doubled = right.clone();
        let signature = doubled
            .headers
            .iter()
            .find(|(name, _)| name.ends_with("hmac-sha256"))
            .unwrap()
            .clone();
        doubled.headers.push(signature);
        let path = case.events_path();
        for (what, path, event) in [
            ("altered", path.as_str(), &altered),
            ("unsigned", &path, &unsigned),
            ("signed twice", &path, &doubled),
            ("another platform", "/v1/auth/shopline_eu/events", &right),
            (
                "one that tells nothing",
                "/v1/auth/woocommerce/events",
                &right,
            ),
            ("no platform", "/v1/auth/SHOPLINE/events", &right),
            ("no app", "/v1/auth/shopline/papp_1/events", &right),
        ] {
            let answer = app.tell_at(path, event).await;
            assert_eq!((answer.status, answer.text.as_str()), (401, ""), "{what}");
        }
        app.settle().await;
        assert_eq!(app.recorded().await, 0);
        assert_eq!(alpha.status(&store).await, success());
    }
}

async fn an_event_that_comes_again_is_the_same_event(app: &TestApp) {
    let shopline = app.event(&SHOPLINE, "nobody-s-shop", Topic::Uninstalled);
    let genstore = app.event(&GENSTORE, "nobody-s-shop", Topic::Uninstalled);
    for _ in 0..3 {
        app.tell(&SHOPLINE, &shopline).await;
        app.tell(&GENSTORE, &genstore).await;
        app.settle().await;
    }
    assert_eq!(app.recorded().await, 2);
    assert_eq!(app.outcomes("NO_GRANT").await, 2);

    // The id stays an event's own; the same bytes without one are news after a while.
    app.advance(Duration::from_hours(1));
    app.tell(&SHOPLINE, &shopline).await;
    app.tell(&GENSTORE, &genstore).await;
    app.settle().await;
    assert_eq!(app.recorded().await, 3);
    let another = app.event(&SHOPLINE, "nobody-s-shop", Topic::Uninstalled);
    app.tell(&SHOPLINE, &another).await;
    app.settle().await;
    assert_eq!(app.outcomes("NO_GRANT").await, 4);

    app.advance(Duration::from_hours(24 * 31));
    app.process.broker.retention_step().await.unwrap();
    assert_eq!(app.recorded().await, 0);
}

async fn a_platform_that_is_down_is_asked_again(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = authorized(app, &alpha, &GENSTORE, "demo-shop").await;
    app.uninstall(&GENSTORE, "demo-shop");
    app.next_probe_fails(&GENSTORE, Stickiness::Once);
    let event = app.event(&GENSTORE, "demo-shop", Topic::Uninstalled);
    app.tell(&GENSTORE, &event).await;
    app.settle().await;
    assert_eq!(alpha.status(&store).await, success());
    app.advance(Duration::from_secs(5));
    app.settle().await;
    assert_eq!(alpha.status(&store).await, uninstalled());
}

async fn a_platform_that_stays_down_is_not_asked_for_ever(app: &TestApp) {
    let mut alpha = app.institution("Alpha").await;
    let store = authorized(app, &alpha, &GENSTORE, "demo-shop").await;
    // By the same call the platform is asked for scopes once a day, which is left out here.
    let never = "UPDATE grants SET scopes_due_at = 9223372036854775807";
    app.database.execute(never).await;
    app.next_probe_fails(&GENSTORE, Stickiness::Always);
    let event = app.event(&GENSTORE, "demo-shop", Topic::Uninstalled);
    app.tell(&GENSTORE, &event).await;
    for _ in 0..8 {
        app.settle().await;
        app.advance(Duration::from_hours(12));
    }
    alpha.renew_token().await;
    assert_eq!(alpha.status(&store).await, success());
    assert_eq!(app.outcomes("UNANSWERED").await, 1);
    let calls = app.sandbox.calls();
    let probes = calls
        .iter()
        .filter(|call| call.path.ends_with("/access_scopes"));
    assert_eq!(probes.count(), 8);
}

async fn what_was_recorded_survives_its_process(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = authorized(app, &alpha, &SHOPLINE, "demo-shop").await;
    app.settle().await;
    app.uninstall(&SHOPLINE, "demo-shop");
    let event = app.event(&SHOPLINE, "demo-shop", Topic::Uninstalled);
    app.tell(&SHOPLINE, &event).await;
    app.stop_serving().await;
    // The process that answered never handles it; two others find it at once, and one of them does.
    let (one, two) = (app.another_process().await, app.another_process().await);
    let steps = tokio::join!(
        one.broker.platform_event_step(),
        two.broker.platform_event_step()
    );
    steps.0.unwrap();
    steps.1.unwrap();
    assert_eq!(app.outcomes("GRANT_ENDED").await, 1);
    let failed = format!(
        "SELECT COUNT(*) FROM stores WHERE auth_fail_reason = 'APP_UNINSTALLED' AND name = 'Demo Shop' \
         AND sequence = 2 AND store_url = '{}'",
        SHOPLINE.store_url("demo-shop")
    );
    assert_eq!(app.database.number(failed).await, 1, "{}", store.store_id);
    one.stop().await;
    two.stop().await;
}

async fn compliance_events_are_recorded_and_acted_on(app: &TestApp) {
    let mut alpha = app.institution("Alpha").await;
    for (number, case) in (1..).zip([SHOPLINE, GENSTORE]) {
        let store = authorized(app, &alpha, &case, "demo-shop").await;
        authorized(app, &alpha, &case, "another-shop").await;
        let before = alpha.query(&store).await;
        for topic in [
            Topic::CustomerDataRequest,
            Topic::CustomerRedaction,
            Topic::ShopRedaction,
        ] {
            let event = app.event(&case, "demo-shop", topic);
            app.tell(&case, &event).await;
        }
        app.settle().await;
        assert_eq!(app.outcomes("NOTHING_HELD").await, 2 * number);
        // The shop still honours its grant, so that there is nothing to forget yet.
        assert_eq!(app.outcomes("GRANT_ALIVE").await, number);
        assert_eq!(alpha.query(&store).await, before);

        app.uninstall(&case, "demo-shop");
        app.advance(Duration::from_hours(1));
        alpha.renew_token().await;
        let event = app.event(&case, "demo-shop", Topic::ShopRedaction);
        app.tell(&case, &event).await;
        app.settle().await;
        assert_eq!(app.outcomes("SHOP_FORGOTTEN").await, number);
        assert_eq!(alpha.status(&store).await, uninstalled());
        let of_shop = "SELECT COUNT(*) FROM grants WHERE shop_label = 'demo-shop'";
        assert_eq!(app.database.number(of_shop).await, 0);
        let others = "SELECT COUNT(*) FROM grants WHERE shop_label = 'another-shop'";
        assert_eq!(app.database.number(others).await, number);
    }
    let bodies = "SELECT COUNT(*) FROM platform_events WHERE topic LIKE '%200843728%'";
    assert_eq!(app.database.number(bodies).await, 0);
}

/// The shared app's secret signs nothing for an institution's own app, and its shops are others'.
async fn an_event_is_about_the_app_of_its_path(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = authorized(app, &alpha, &SHOPLINE, "demo-shop").await;
    let own = broker::ConfigurePlatformApp {
        client_id: "alpha-app".to_owned(),
        secret: Some("the secret of alpha's own app".into()),
        institution: Some(alpha.app_id.clone()),
        ..SHOPLINE.configuration(app.sandbox_address)
    };
    let configured = app
        .process
        .broker
        .configure_platform_app(&broker::Operator, own)
        .await
        .unwrap();
    app.sandbox.register_app(sandbox::AppRegistration {
        client_id: "alpha-app".to_owned(),
        client_secret: "the secret of alpha's own app".into(),
        ..SHOPLINE.registration(configured.callback_url.clone().unwrap())
    });
    app.uninstall(&SHOPLINE, "demo-shop");
    let path = format!("/v1/auth/shopline/{}/events", configured.app.id);
    let shop = "demo-shop".parse().unwrap();
    let event = app
        .sandbox
        .event(
            SHOPLINE.dialect,
            &shop,
            Some("alpha-app"),
            Topic::Uninstalled,
        )
        .unwrap();
    let answer = app.tell_at(&SHOPLINE.events_path(), &event).await;
    assert_eq!(answer.status, 401);
    assert_eq!(app.tell_at(&path, &event).await.status, 200);
    app.settle().await;
    assert_eq!(app.outcomes("NO_GRANT").await, 1);
    let snapshot = alpha.data("store/query", &store.with(json!({}))).await;
    assert_eq!(snapshot["auth_status"], "SUCCESS");
}
