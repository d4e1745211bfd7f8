//! `wait_seconds` of `store/query`: an answer as soon as there is news.

use std::time::Duration;

use broker::Callback;
use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::harness::{Decision, PATIENCE, SHOPLINE, TestApp, refused};

on_both!(
    news_end_the_wait,
    a_wait_begins_at_the_call,
    what_was_not_seen_yet_is_answered_at_once,
    the_end_of_the_time_ends_the_wait,
    a_commit_of_another_process_ends_the_wait,
    an_unbound_store_ends_the_wait,
    many_wait_at_once,
);

async fn news_end_the_wait(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    let waiting = app.tasks.spawn({
        let fields = store.with(json!({"wait_seconds": 30, "after_sequence": 0}));
        let alpha = alpha.clone();
        async move { alpha.data("store/query", &fields).await }
    });
    // A change that is no event is no news.
    for name in ["Renamed", "Renamed again"] {
        alpha
            .data("store/update", &store.with(json!({"name": name})))
            .await;
    }
    assert!(!waiting.is_finished());
    app.visit(&callback).await;
    let answer = timeout(PATIENCE, waiting)
        .await
        .expect("the event wakes it")
        .unwrap();
    assert_eq!(
        (&answer["sequence"], &answer["auth_status"]),
        (&json!(1), &json!("SUCCESS"))
    );
}

async fn a_wait_begins_at_the_call(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let deny = async || {
        let auth_url = alpha.link(&store).await;
        app.visit(&app.decide(&auth_url, Decision::Deny).await)
            .await;
    };
    deny().await;
    let mut waiting = app.tasks.spawn({
        let (alpha, fields) = (alpha.clone(), store.with(json!({"wait_seconds": 30})));
        async move { alpha.data("store/query", &fields).await }
    });
    // What was told before the call came is no news to it, so news go on until one came after it.
    let answer = loop {
        deny().await;
        if let Ok(answer) = timeout(Duration::from_millis(500), &mut waiting).await {
            break answer.unwrap();
        }
    };
    assert!(answer["sequence"].as_i64().unwrap() > 1, "{answer}");
}

async fn what_was_not_seen_yet_is_answered_at_once(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    app.visit(&app.approve(&alpha.link(&store).await).await)
        .await;
    let fields = store.with(json!({"wait_seconds": 30, "after_sequence": 0}));
    let answer = timeout(PATIENCE, alpha.data("store/query", &fields)).await;
    assert_eq!(answer.expect("at once"), alpha.query(&store).await);
}

async fn the_end_of_the_time_ends_the_wait(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let now = alpha.query(&store).await;
    for wait in [0, 1] {
        for after in [json!(null), json!(0), json!(9)] {
            let begun = Instant::now();
            let fields = store.with(json!({"wait_seconds": wait, "after_sequence": after}));
            assert_eq!(alpha.data("store/query", &fields).await, now);
            assert!(begun.elapsed() >= Duration::from_secs(wait));
        }
    }
}

async fn a_commit_of_another_process_ends_the_wait(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    let (_, raw_query) = callback.split_once('?').unwrap();
    let waiting = app.tasks.spawn({
        let alpha = alpha.clone();
        let fields = store.with(json!({"wait_seconds": 30, "after_sequence": 0}));
        async move { alpha.data("store/query", &fields).await }
    });
    let other = app.another_process().await;
    let callback = Callback {
        platform: SHOPLINE.platform,
        app: None,
        raw_query,
        cookies: &[],
    };
    other.broker.complete_callback(callback).await.unwrap();
    let answer = timeout(PATIENCE, waiting)
        .await
        .expect("the commit is seen")
        .unwrap();
    assert_eq!(answer["auth_status"], "SUCCESS");
    other.stop().await;
}

async fn an_unbound_store_ends_the_wait(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let waiting = app.tasks.spawn({
        let (alpha, fields) = (
            alpha.clone(),
            store.with(json!({"wait_seconds": 30, "after_sequence": 0})),
        );
        async move { alpha.call("store/query", &fields).await }
    });
    alpha.data("store/unbind", &store.ids()).await;
    let answer = timeout(PATIENCE, waiting)
        .await
        .expect("the end wakes it")
        .unwrap();
    assert_eq!(answer, refused(940_002, "store not exist"));
}

/// More than there are connections to the database: a wait holds none.
async fn many_wait_at_once(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let alpha = alpha.clone();
        let fields = store.with(json!({"wait_seconds": 30, "after_sequence": 0}));
        waiting.spawn(async move { alpha.data("store/query", &fields).await });
    }
    app.visit(&callback).await;
    let answers = timeout(PATIENCE, waiting.join_all())
        .await
        .expect("the event wakes all");
    let now = alpha.query(&store).await;
    assert!(answers.iter().all(|answer| *answer == now));
}
