//! The event feed: everything that was told, in one order, to catch up from.

use std::time::Duration;

use broker::Callback;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::harness::{Decision, Institution, PATIENCE, SHOPLINE, TestApp, ok, refused};

on_both!(
    the_feed_has_the_bytes_of_the_webhooks,
    a_cursor_goes_on_where_the_page_ended,
    an_empty_page_has_a_cursor_too,
    a_waiting_page_comes_with_the_event,
    a_wait_ends_with_an_empty_page,
    a_cursor_expires_with_its_events,
    events_of_a_store_are_in_the_order_of_their_sequence,
    the_order_holds_among_processes,
);

async fn tell(app: &TestApp, institution: &Institution) {
    let store = institution.store(&SHOPLINE, "demo-shop").await;
    institution.data("store/unbind", &store.ids()).await;
    app.settle().await;
}

async fn page(institution: &Institution, fields: Value) -> (Vec<Value>, Value) {
    let mut data = institution.data("event/list", &fields).await;
    let Value::Array(events) = data["events"].take() else {
        panic!("{data}");
    };
    assert!(data["next_cursor"].is_string(), "{data}");
    (events, data["next_cursor"].take())
}

async fn the_feed_has_the_bytes_of_the_webhooks(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    alpha
        .endpoint(app, "/alpha", &["store.unbound", "store.auth.succeeded"])
        .await;
    let (_, after) = page(&alpha, json!({})).await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let renamed = store.with(json!({"name": "Ünïcode \"shop\" 店铺"}));
    alpha.data("store/update", &renamed).await;
    app.visit(&app.approve(&alpha.link(&store).await).await)
        .await;
    app.settle().await;
    alpha.data("store/unbind", &store.ids()).await;
    app.settle().await;
    let bodies: Vec<_> = app
        .receiver
        .take()
        .into_iter()
        .map(|webhook| String::from_utf8(webhook.body).unwrap())
        .collect();
    let answer = alpha.answer("event/list", &json!({"after": after})).await;
    let cursor = answer.data()["next_cursor"].clone();
    let expected = format!(
        "{{\"code\":200,\"message\":\"SUCCESS\",\"data\":{{\"events\":[{}],\"next_cursor\":{cursor}}}}}",
        bodies.join(",")
    );
    assert_eq!((bodies.len(), answer.text), (2, expected));
}

async fn a_cursor_goes_on_where_the_page_ended(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    for institution in [&alpha, &beta, &alpha, &alpha, &beta, &alpha, &alpha] {
        tell(app, institution).await;
    }
    let (all, end) = page(&alpha, json!({})).await;
    assert_eq!(all.len(), 5);
    let mut seen = Vec::new();
    let mut after = Value::Null;
    for count in [2, 2, 1, 0, 0] {
        let (events, next) = page(&alpha, json!({"after": after, "limit": 2})).await;
        assert_eq!(events.len(), count);
        seen.extend(events);
        after = next;
    }
    assert_eq!((&seen, &after), (&all, &end));
    // What is told later is behind every cursor.
    tell(app, &alpha).await;
    let (events, _) = page(&alpha, json!({"after": after})).await;
    assert_eq!(events.len(), 1);
    assert_eq!(page(&alpha, json!({})).await.0.len(), 6);
}

async fn an_empty_page_has_a_cursor_too(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    let (events, cursor) = page(&alpha, json!({})).await;
    assert!(events.is_empty());
    tell(app, &beta).await;
    let (events, moved) = page(&alpha, json!({"after": cursor})).await;
    assert!(events.is_empty());
    tell(app, &alpha).await;
    for after in [cursor, moved] {
        assert_eq!(page(&alpha, json!({"after": after})).await.0.len(), 1);
    }
}

async fn a_waiting_page_comes_with_the_event(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    tell(app, &alpha).await;
    let (_, after) = page(&alpha, json!({})).await;
    let waiting = app.tasks.spawn({
        let (alpha, fields) = (alpha.clone(), json!({"after": after, "wait_seconds": 30}));
        async move { page(&alpha, fields).await }
    });
    // Others' events do not end the wait.
    tell(app, &beta).await;
    tell(app, &beta).await;
    assert!(!waiting.is_finished());
    tell(app, &alpha).await;
    let (events, _) = timeout(PATIENCE, waiting)
        .await
        .expect("the event wakes it")
        .unwrap();
    assert_eq!(events.len(), 1);
}

async fn a_wait_ends_with_an_empty_page(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    tell(app, &alpha).await;
    let (_, after) = page(&alpha, json!({})).await;
    let (events, next) = page(&alpha, json!({"after": after, "wait_seconds": 1})).await;
    assert_eq!((events.len(), next), (0, after));
    // With something to show there is nothing to wait for.
    let shown = timeout(PATIENCE, page(&alpha, json!({"wait_seconds": 30}))).await;
    assert_eq!(shown.expect("at once").0.len(), 1);
}

async fn a_cursor_expires_with_its_events(app: &TestApp) {
    let mut alpha = app.institution("Alpha").await;
    let (_, beginning) = page(&alpha, json!({})).await;
    tell(app, &alpha).await;
    let (_, first) = page(&alpha, json!({})).await;
    tell(app, &alpha).await;
    app.advance(Duration::from_hours(15 * 24));
    alpha.renew_token().await;
    tell(app, &alpha).await;
    let (_, third) = page(&alpha, json!({})).await;

    app.advance(Duration::from_secs(15 * 24 * 3600 + 1));
    while app.process.broker.retention_step().await.unwrap() == broker::Progress::Worked {}
    alpha.renew_token().await;
    let expired = refused(900_002, "cursor expired");
    for after in [&beginning, &first] {
        assert_eq!(
            alpha.call("event/list", &json!({"after": after})).await,
            expired
        );
    }
    assert_eq!(page(&alpha, json!({})).await.0.len(), 1);
    let (events, _) = page(&alpha, json!({"after": third})).await;
    assert!(events.is_empty());

    // When everything is past its retention, the newest cursor still counts.
    app.advance(Duration::from_hours(31 * 24));
    while app.process.broker.retention_step().await.unwrap() == broker::Progress::Worked {}
    alpha.renew_token().await;
    let at_the_end = ok(json!({"events": [], "next_cursor": third}));
    assert_eq!(
        alpha.call("event/list", &json!({"after": third})).await,
        at_the_end
    );
    assert_eq!(
        alpha.call("event/list", &json!({"after": first})).await,
        expired
    );
    tell(app, &alpha).await;
    assert_eq!(page(&alpha, json!({"after": third})).await.0.len(), 1);
}

async fn events_of_a_store_are_in_the_order_of_their_sequence(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    // All within one millisecond of the clock, and told at once.
    for _ in 0..5 {
        let auth_url = alpha.link(&store).await;
        app.visit(&app.decide(&auth_url, Decision::Deny).await)
            .await;
    }
    alpha.data("store/unbind", &store.ids()).await;
    app.settle().await;
    let (events, _) = page(&alpha, json!({})).await;
    let sequences: Vec<_> = events
        .iter()
        .map(|event| event["data"]["sequence"].clone())
        .collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6]);
}

async fn the_order_holds_among_processes(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let other = app.another_process().await;
    // One after the other, within one millisecond of the clock that both have.
    for number in 0..12 {
        let auth_url = alpha.link(&store).await;
        let callback = app.decide(&auth_url, Decision::Deny).await;
        if number % 2 == 0 {
            app.visit(&callback).await;
            continue;
        }
        let (_, raw_query) = callback.split_once('?').unwrap();
        let callback = Callback {
            platform: SHOPLINE.platform,
            app: None,
            raw_query,
            cookies: &[],
        };
        other.broker.complete_callback(callback).await.unwrap();
    }
    app.settle().await;
    other.stop().await;
    let (events, _) = page(&alpha, json!({})).await;
    let sequences = events
        .iter()
        .map(|event| event["data"]["sequence"].as_i64().unwrap());
    assert_eq!(sequences.collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>());
}
