//! Webhooks: what is posted, how often, and to whom.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Endpoint, Institution, Reply, SHOPLINE, Setup, Store, TestApp, ok, refused};

on_both!(
    a_webhook_has_the_standard_s_headers,
    what_is_not_taken_is_tried_again_on_schedule,
    the_endpoint_s_own_wait_counts,
    an_endpoint_that_is_gone_is_disabled,
    redirects_are_not_followed,
    a_restart_goes_on_where_it_stopped,
    an_endpoint_gets_the_types_that_it_wants,
    a_test_goes_to_its_endpoint_alone,
    a_deleted_endpoint_gets_nothing_more,
    an_endpoint_is_unverified_until_it_answers,
    a_slow_endpoint_starves_nobody,
);

on_postgres_alone!(
    a_webhook_has_the_standard_s_headers,
    what_is_not_taken_is_tried_again_on_schedule,
    a_restart_goes_on_where_it_stopped,
);

/// Something to tell: a store that ends.
async fn tell(institution: &Institution) -> Store {
    let store = institution.store(&SHOPLINE, "demo-shop").await;
    institution.data("store/unbind", &store.ids()).await;
    store
}

fn paths(app: &TestApp) -> Vec<String> {
    let mut paths: Vec<_> = app
        .receiver
        .take()
        .into_iter()
        .map(|webhook| webhook.path)
        .collect();
    paths.sort();
    paths
}

async fn endpoint_statuses(institution: &Institution) -> Vec<(String, String)> {
    let listed = institution.data("webhook/list", &json!({})).await;
    let endpoints = listed["endpoints"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    endpoints
        .map(|endpoint| (text(&endpoint["endpoint_id"]), text(&endpoint["status"])))
        .collect()
}

async fn a_webhook_has_the_standard_s_headers(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = tell(&alpha).await;
    app.advance(Duration::from_millis(1500));
    app.settle().await;
    let webhook = app.receiver.take_one();
    let event = webhook.verified(&endpoint.secret);
    assert_eq!(event["data"]["store_id"], store.store_id.as_str());
    // The time of the attempt; the time of the fact is in the body.
    assert_eq!(webhook.header("webhook-timestamp"), "1795284001");
    assert_eq!(event["timestamp"], "2026-11-21T18:00:00.000Z");
    assert!(endpoint.secret.len() >= "whsec_".len() + 32);
    // Whoever changes a byte cannot sign it.
    let mut forged = webhook.clone();
    forged.body.push(b' ');
    let result = std::panic::catch_unwind(|| forged.verified(&endpoint.secret));
    assert!(result.is_err());
}

async fn what_is_not_taken_is_tried_again_on_schedule(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    app.receiver
        .script("/alpha", (0..20).map(|_| Reply::status(500)));
    tell(&alpha).await;
    app.settle().await;
    let first = app.receiver.take_one();
    first.verified(&endpoint.secret);

    let waits = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
    for wait in waits.map(Duration::from_secs) {
        let earliest = wait.mul_f64(0.8);
        app.advance(earliest.checked_sub(Duration::from_millis(1)).unwrap());
        app.settle().await;
        assert_eq!(app.receiver.take(), [], "{wait:?}: too early");
        app.advance(wait.mul_f64(0.4) + Duration::from_millis(1));
        app.settle().await;
        let again = app.receiver.take_one();
        again.verified(&endpoint.secret);
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("webhook-id"), first.header("webhook-id"));
        assert_eq!(
            again.header("webhook-timestamp"),
            app.now().timestamp().to_string()
        );
    }
    // Ten attempts were all.
    app.advance(Duration::from_hours(24 * 30));
    app.settle().await;
    assert_eq!(app.receiver.take(), []);
    let mut alpha = alpha;
    alpha.renew_token().await;
    let feed = alpha.data("event/list", &json!({})).await;
    assert_eq!(
        feed["events"].as_array().unwrap().len(),
        2,
        "the feed still has it"
    );
    // The endpoint is not given up for it.
    tell(&alpha).await;
    app.settle().await;
    assert_eq!(paths(app), ["/alpha"]);
}

async fn the_endpoint_s_own_wait_counts(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    alpha.endpoint(app, "/alpha", &[]).await;
    let day = 24 * 3600;
    let in_an_hour = (app.now() + Duration::from_hours(1))
        .to_rfc2822()
        .replace("+0000", "GMT");
    for (reply, wait) in [
        (Reply::with(503, "retry-after", &in_an_hour), 3600),
        (Reply::with(503, "retry-after", "120"), 120),
        // Not longer than a day.
        (Reply::with(429, "retry-after", "31536000"), day),
    ] {
        app.receiver.script("/alpha", [reply]);
        tell(&alpha).await;
        app.settle().await;
        assert_eq!(paths(app), ["/alpha"]);
        app.advance(Duration::from_secs(wait - 1));
        app.settle().await;
        assert_eq!(paths(app), [""; 0], "{wait}");
        app.advance(Duration::from_secs(1));
        app.settle().await;
        assert_eq!(paths(app), ["/alpha"]);
    }
    let mut alpha = alpha;
    alpha.renew_token().await;
    // A wait that is shorter than the schedule's changes nothing.
    app.receiver
        .script("/alpha", [Reply::with(503, "retry-after", "1")]);
    tell(&alpha).await;
    app.settle().await;
    app.advance(Duration::from_secs(3));
    app.settle().await;
    assert_eq!(paths(app), ["/alpha"]);
    app.advance(Duration::from_secs(3));
    app.settle().await;
    assert_eq!(paths(app), ["/alpha"]);
}

async fn an_endpoint_that_is_gone_is_disabled(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let gone = alpha.endpoint(app, "/gone", &[]).await;
    let other = alpha.endpoint(app, "/other", &[]).await;
    let uninterested = alpha
        .endpoint(app, "/uninterested", &["store.auth.succeeded"])
        .await;
    // One delivery waits for its next attempt when another is answered 410.
    app.receiver
        .script("/gone", [Reply::status(500), Reply::status(410)]);
    tell(&alpha).await;
    app.settle().await;
    assert_eq!(paths(app), ["/gone", "/other"]);
    let last = tell(&alpha).await;
    app.settle().await;

    let webhooks = app.receiver.take();
    let events: Vec<_> = webhooks
        .iter()
        .filter(|webhook| webhook.path == "/other")
        .map(|webhook| webhook.verified(&other.secret))
        .collect();
    assert_eq!((webhooks.len(), events.len()), (3, 2));
    assert_eq!(events[0]["data"]["store_id"], last.store_id.as_str());
    let disabled = json!({
        "id": events[1]["id"],
        "type": "endpoint.disabled",
        "timestamp": "2026-11-21T18:00:00.000Z",
        "data": {"endpoint_id": gone.id, "url": gone.url, "status": "DISABLED"},
    });
    assert_eq!(events[1], disabled);
    let status = |endpoint: &Endpoint, status: &str| (endpoint.id.clone(), status.to_owned());
    let expected = [
        status(&gone, "DISABLED"),
        status(&other, "ACTIVE"),
        status(&uninterested, "ACTIVE"),
    ];
    assert_eq!(endpoint_statuses(&alpha).await, expected);

    // Nothing goes there any more, neither old nor new.
    tell(&alpha).await;
    app.advance(Duration::from_hours(1));
    app.settle().await;
    assert_eq!(paths(app), ["/other"]);
    let feed = alpha.data("event/list", &json!({})).await;
    let types: Vec<_> = feed["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["type"])
        .collect();
    assert_eq!(
        types
            .iter()
            .filter(|kind| **kind == "endpoint.disabled")
            .count(),
        1
    );
}

async fn redirects_are_not_followed(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    alpha.endpoint(app, "/alpha", &[]).await;
    let elsewhere = app.receiver.url("/elsewhere");
    for status in [301, 302, 303, 307, 308] {
        app.receiver
            .script("/alpha", [Reply::with(status, "location", &elsewhere)]);
        tell(&alpha).await;
        app.settle().await;
        assert_eq!(paths(app), ["/alpha"], "{status}");
        app.advance(Duration::from_secs(6));
        app.settle().await;
        assert_eq!(
            paths(app),
            ["/alpha"],
            "{status} is a failure, and tried again"
        );
    }
}

async fn a_restart_goes_on_where_it_stopped(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    app.receiver.script("/alpha", [Reply::status(500)]);
    let tried = tell(&alpha).await;
    app.settle().await;
    let first = app.receiver.take_one();
    // Told to nobody yet when the process ends.
    let untold = tell(&alpha).await;

    let next = app.another_process().await;
    next.settle().await;
    let event = app.receiver.take_one().verified(&endpoint.secret);
    assert_eq!(event["data"]["store_id"], untold.store_id.as_str());
    app.advance(Duration::from_secs(6));
    next.settle().await;
    let again = app.receiver.take_one();
    assert_eq!(
        again.verified(&endpoint.secret)["data"]["store_id"],
        tried.store_id.as_str()
    );
    assert_eq!(again.body, first.body);
    next.stop().await;
}

async fn an_endpoint_gets_the_types_that_it_wants(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    for (path, types) in [
        ("/all", &[][..]),
        ("/unbound", &["store.unbound"]),
        ("/ends", &["store.auth.failed", "store.unbound"]),
        ("/successes", &["store.auth.succeeded"]),
    ] {
        alpha.endpoint(app, path, types).await;
    }
    beta.endpoint(app, "/beta", &[]).await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    app.visit(&app.approve(&alpha.link(&store).await).await)
        .await;
    app.settle().await;
    assert_eq!(paths(app), ["/all", "/successes"]);
    alpha.data("store/unbind", &store.ids()).await;
    app.settle().await;
    assert_eq!(paths(app), ["/all", "/ends", "/unbound"]);
    tell(&beta).await;
    app.settle().await;
    assert_eq!(paths(app), ["/beta"]);
}

async fn a_test_goes_to_its_endpoint_alone(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &["store.unbound"]).await;
    alpha.endpoint(app, "/other", &[]).await;
    let fields = json!({"endpoint_id": endpoint.id});
    let data = alpha.data("webhook/test", &fields).await;
    app.settle().await;
    let webhook = app.receiver.take_one();
    assert_eq!(webhook.path, "/alpha");
    let expected = json!({
        "id": data["event_id"],
        "type": "endpoint.test",
        "timestamp": "2026-11-21T18:00:00.000Z",
        "data": {"endpoint_id": endpoint.id, "url": endpoint.url, "status": "ACTIVE"},
    });
    assert_eq!(webhook.verified(&endpoint.secret), expected);
}

async fn a_deleted_endpoint_gets_nothing_more(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    app.receiver.script("/alpha", [Reply::status(500)]);
    tell(&alpha).await;
    app.settle().await;
    assert_eq!(paths(app), ["/alpha"]);
    let fields = json!({"endpoint_id": endpoint.id});
    assert_eq!(alpha.call("webhook/delete", &fields).await, ok(json!(null)));
    assert_eq!(
        alpha.data("webhook/list", &json!({})).await,
        json!({"endpoints": []})
    );
    let unknown = refused(900_002, "endpoint_id is unknown");
    for call in ["webhook/delete", "webhook/test"] {
        assert_eq!(alpha.call(call, &fields).await, unknown);
    }
    tell(&alpha).await;
    app.advance(Duration::from_hours(24));
    app.settle().await;
    assert_eq!(app.receiver.take(), []);
}

async fn an_endpoint_is_unverified_until_it_answers(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    app.receiver.script("/alpha", [Reply::status(500)]);
    let url = app.receiver.url("/alpha");
    let fields = json!({"url": url, "description": "production"});
    let data = alpha.data("webhook/create", &fields).await;
    assert_eq!(data["status"], "UNVERIFIED");
    let mut listed = json!({"endpoints": [{
        "endpoint_id": data["endpoint_id"],
        "url": url,
        "event_types": [],
        "description": "production",
        "status": "UNVERIFIED",
        "created_at": "2026-11-21T18:00:00.000Z",
    }]});
    app.settle().await;
    assert_eq!(
        alpha.call("webhook/list", &json!({})).await,
        ok(listed.clone())
    );
    app.advance(Duration::from_secs(6));
    app.settle().await;
    listed["endpoints"][0]["status"] = "ACTIVE".into();
    assert_eq!(alpha.call("webhook/list", &json!({})).await, ok(listed));
    assert_eq!(paths(app), ["/alpha", "/alpha"]);
}

async fn a_slow_endpoint_starves_nobody(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    alpha.endpoint(app, "/alpha", &[]).await;
    beta.endpoint(app, "/beta", &[]).await;
    // As many as one endpoint may have under way, and one of somebody else behind them.
    for _ in 0..20 {
        tell(&alpha).await;
    }
    tell(&beta).await;
    app.process.relay().await;
    app.process.broker.delivery_step().await.unwrap();
    let first_step = paths(app);
    assert_eq!(
        first_step.iter().filter(|path| *path == "/alpha").count(),
        8
    );
    assert_eq!(first_step.iter().filter(|path| *path == "/beta").count(), 1);
    app.settle().await;
    assert_eq!(paths(app).len(), 12);
}

/// With little patience for endpoints.
mod impatient {
    use super::*;

    on_both!(with impatience: an_endpoint_that_does_not_answer_is_tried_again);

    fn impatience() -> Setup {
        Setup {
            change_options: |options| options.webhook_timeout = Duration::from_millis(300),
            ..Setup::default()
        }
    }

    async fn an_endpoint_that_does_not_answer_is_tried_again(app: &TestApp) {
        let alpha = app.institution("Alpha").await;
        alpha.endpoint(app, "/alpha", &[]).await;
        app.receiver.script("/alpha", [Reply::Never, Reply::HangUp]);
        tell(&alpha).await;
        app.settle().await;
        assert_eq!(paths(app), ["/alpha"]);
        app.advance(Duration::from_secs(6));
        app.settle().await;
        assert_eq!(paths(app), ["/alpha"]);
        app.advance(Duration::from_mins(6));
        app.settle().await;
        assert_eq!(paths(app), ["/alpha"]);
        app.advance(Duration::from_hours(2));
        app.settle().await;
        assert_eq!(app.receiver.take(), []);
    }
}
