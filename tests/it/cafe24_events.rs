//! What Cafe24 tells by itself, beside the key that its developer centre handed out, and worth no more than
//! what the mall answers when it is asked.

use std::time::Duration;

use broker::{ConfigurePlatformApp, Operator};
use sandbox::{SignedEvent, Topic};
use serde_json::json;

use crate::harness::{CAFE24, Institution, Store, TestApp};
use crate::platform_events::Stickiness;

on_both!(
    a_deleted_app_ends_the_grant_and_every_channel_says_so,
    an_expired_app_ends_the_grant_as_expired,
    the_older_shape_of_an_event_says_the_same,
    a_mall_that_answers_keeps_its_grants,
    an_app_is_removed_from_all_shops_of_a_mall,
    an_event_without_the_key_is_not_recorded,
    without_a_key_of_ours_every_event_is_refused,
    an_event_comes_again_or_is_none_of_ours,
    a_mall_that_is_down_is_asked_again,
);

const KEY: &str = "the key beside the events of cafe24";

impl TestApp {
    async fn configure_key(&self, key: Option<&str>) {
        let configuration = ConfigurePlatformApp {
            event_key: key.map(Into::into),
            ..CAFE24.configuration(self.sandbox_address)
        };
        let broker = &self.process.broker;
        let configured = broker.configure_platform_app(&Operator, configuration);
        configured.await.unwrap();
        self.sandbox.set_event_key(CAFE24.client_id, KEY.into());
    }

    fn mall_event(&self, topic: Topic) -> SignedEvent {
        self.event(&CAFE24, "demomall", topic)
    }
}

async fn authorized(alpha: &Institution, app: &TestApp, seller_id: &str) -> Store {
    let store = alpha.store(&CAFE24, "demomall").await;
    let fields = json!({"auth_type": "URL", "seller_id": seller_id});
    let data = alpha.data("store/auth", &store.with(fields)).await;
    let callback = app.approve(data["auth_url"].as_str().unwrap()).await;
    assert_eq!(app.visit(&callback).await.status, 200);
    store
}

fn ended(reason: &str) -> (String, String) {
    ("FAILED".to_owned(), reason.to_owned())
}

fn success() -> (String, String) {
    ("SUCCESS".to_owned(), String::new())
}

async fn a_deleted_app_ends_the_grant_and_every_channel_says_so(app: &TestApp) {
    app.configure_key(Some(KEY)).await;
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = authorized(&alpha, app, "demomall").await;
    app.told(&alpha, &endpoint, &store, None).await;
    app.uninstall(&CAFE24, "demomall");
    let event = app.mall_event(Topic::Uninstalled);
    app.tell(&CAFE24, &event).await;
    // It is answered before it is handled.
    assert_eq!(alpha.status(&store).await, success());

    let told = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(told["type"], "store.auth.revoked");
    assert_eq!(told["data"]["fail"]["reason"], "APP_UNINSTALLED");
    assert_eq!(app.outcomes("GRANT_ENDED").await, 1);
    let topic =
        "SELECT COUNT(*) FROM platform_events WHERE topic = '90077' AND kind = 'UNINSTALLED'";
    assert_eq!(app.database.number(topic).await, 1);

    // The mall is free, and the event of before, late or once more, ends nothing.
    let again = authorized(&alpha, app, "demomall").await;
    app.told(&alpha, &endpoint, &again, None).await;
    app.tell(&CAFE24, &event).await;
    app.advance(Duration::from_hours(1));
    app.tell(&CAFE24, &event).await;
    app.settle().await;
    assert_eq!(alpha.status(&again).await, success());
}

async fn an_expired_app_ends_the_grant_as_expired(app: &TestApp) {
    app.configure_key(Some(KEY)).await;
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = authorized(&alpha, app, "demomall").await;
    app.told(&alpha, &endpoint, &store, None).await;
    app.uninstall(&CAFE24, "demomall");
    app.tell(&CAFE24, &app.mall_event(Topic::Expired)).await;
    let told = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(told["type"], "store.auth.expired");
    assert_eq!(told["data"]["fail"]["reason"], "AUTH_EXPIRED");
    let topic = "SELECT COUNT(*) FROM platform_events WHERE topic = '90078' AND kind = 'EXPIRED'";
    assert_eq!(app.database.number(topic).await, 1);
}

async fn the_older_shape_of_an_event_says_the_same(app: &TestApp) {
    app.configure_key(Some(KEY)).await;
    let alpha = app.institution("Alpha").await;
    for (name, reason) in [
        ("MALL.APP.DELETED", "APP_UNINSTALLED"),
        ("MALL.APP.EXPIRED", "AUTH_EXPIRED"),
    ] {
        let store = authorized(&alpha, app, "demomall").await;
        app.uninstall(&CAFE24, "demomall");
        let mut event = app.mall_event(Topic::Uninstalled);
        event.body = json!({
            "resource_type": "APP",
            "event_type": name,
            "resource": {"mall_id": "demomall"},
        })
        .to_string();
        app.tell(&CAFE24, &event).await;
        app.settle().await;
        assert_eq!(alpha.status(&store).await, ended(reason), "{name}");
    }
}

async fn a_mall_that_answers_keeps_its_grants(app: &TestApp) {
    app.configure_key(Some(KEY)).await;
    let alpha = app.institution("Alpha").await;
    // Its token may not read the list of apps, which is another refusal than that of a removed app.
    let store = authorized(&alpha, app, "demomall").await;
    let before = alpha.query(&store).await;
    for topic in [Topic::Uninstalled, Topic::Expired] {
        app.tell(&CAFE24, &app.mall_event(topic)).await;
    }
    app.settle().await;
    assert_eq!(alpha.query(&store).await, before);
    assert_eq!(app.outcomes("GRANT_ALIVE").await, 2);
    let asked = app.sandbox.calls();
    let asked = asked.iter().filter(|call| call.outcome == "refused: scope");
    assert_eq!(asked.count(), 2);
}

/// The first shop has no number, the others have; a mall of a similar name is another mall.
async fn an_app_is_removed_from_all_shops_of_a_mall(app: &TestApp) {
    app.configure_key(Some(KEY)).await;
    let alpha = app.institution("Alpha").await;
    let first = authorized(&alpha, app, "demomall").await;
    let second = authorized(&alpha, app, "demomall/2").await;
    let fifteenth = authorized(&alpha, app, "demomall/15").await;
    let client_id = alpha.client("another").await;
    let store_url = CAFE24.store_url("demomall2");
    let other = alpha.create(&client_id, "CAFE24", &store_url).await;
    let callback = app.approve(&alpha.link(&other).await).await;
    assert_eq!(app.visit(&callback).await.status, 303);

    app.uninstall(&CAFE24, "demomall");
    app.tell(&CAFE24, &app.mall_event(Topic::Uninstalled)).await;
    app.settle().await;
    for store in [&first, &second, &fifteenth] {
        assert_eq!(alpha.status(store).await, ended("APP_UNINSTALLED"));
    }
    assert_eq!(alpha.status(&other).await, success());
}

async fn an_event_without_the_key_is_not_recorded(app: &TestApp) {
    app.configure_key(Some(KEY)).await;
    let right = app.mall_event(Topic::Uninstalled);
    let with = |headers: &[(&'static str, &str)]| SignedEvent {
        headers: headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect(),
        body: right.body.clone(),
    };
    let path = CAFE24.events_path();
    for (what, path, event) in [
        ("no key", path.as_str(), with(&[])),
        ("another key", &path, with(&[("x-api-key", "another key")])),
        ("an empty key", &path, with(&[("x-api-key", "")])),
        (
            "the app's secret",
            &path,
            with(&[("x-api-key", CAFE24.secret)]),
        ),
        (
            "the key twice",
            &path,
            with(&[("x-api-key", KEY), ("x-api-key", KEY)]),
        ),
        ("elsewhere", &path, with(&[("authorization", KEY)])),
        (
            "another platform",
            "/v1/auth/shopline/events",
            right.clone(),
        ),
        ("no app", "/v1/auth/cafe24/papp_1/events", right.clone()),
    ] {
        let answer = app.tell_at(path, &event).await;
        assert_eq!((answer.status, answer.text.as_str()), (401, ""), "{what}");
    }
    assert_eq!(app.recorded().await, 0);
    assert_eq!(app.tell_at(&path, &right).await.status, 200);
    app.settle().await;
    assert_eq!(app.recorded().await, 1);
}

async fn without_a_key_of_ours_every_event_is_refused(app: &TestApp) {
    app.configure_key(None).await;
    let event = app.mall_event(Topic::Uninstalled);
    let path = CAFE24.events_path();
    assert_eq!(app.tell_at(&path, &event).await.status, 401);
    app.configure_key(Some(KEY)).await;
    assert_eq!(app.tell_at(&path, &event).await.status, 200);
    app.settle().await;
    // What is not said again is forgotten.
    app.configure_key(None).await;
    assert_eq!(app.tell_at(&path, &event).await.status, 401);
    assert_eq!(app.recorded().await, 1);
}

async fn an_event_comes_again_or_is_none_of_ours(app: &TestApp) {
    app.configure_key(Some(KEY)).await;
    let event = app.mall_event(Topic::Uninstalled);
    for _ in 0..3 {
        app.tell(&CAFE24, &event).await;
        app.settle().await;
    }
    assert_eq!(app.recorded().await, 1);
    assert_eq!(app.outcomes("NO_GRANT").await, 1);

    // 90079 says that an app was paid for once more, 90157 that somebody bought in it.
    let renewed = app.mall_event(Topic::Installed);
    let mut bought = renewed.clone();
    bought.body = bought.body.replace("90079", "90157");
    let mut foreign = event.clone();
    foreign.body = foreign.body.replace(CAFE24.client_id, "another-app");
    let mut garbled = event.clone();
    "event_no=90077".clone_into(&mut garbled.body);
    for event in [renewed, bought, foreign, garbled] {
        app.tell(&CAFE24, &event).await;
    }
    app.settle().await;
    assert_eq!(app.outcomes("IGNORED").await, 4);
    assert_eq!(app.recorded().await, 5);
}

async fn a_mall_that_is_down_is_asked_again(app: &TestApp) {
    app.configure_key(Some(KEY)).await;
    let alpha = app.institution("Alpha").await;
    let store = authorized(&alpha, app, "demomall").await;
    app.uninstall(&CAFE24, "demomall");
    app.next_probe_fails(&CAFE24, Stickiness::Once);
    app.tell(&CAFE24, &app.mall_event(Topic::Uninstalled)).await;
    app.settle().await;
    assert_eq!(alpha.status(&store).await, success());
    app.advance(Duration::from_secs(5));
    app.settle().await;
    assert_eq!(alpha.status(&store).await, ended("APP_UNINSTALLED"));
}
