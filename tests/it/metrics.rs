//! What a monitor reads.

mod page;

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use server::{Rate, RateOptions};

use crate::harness::{Decision, GENSTORE, Institution, Reply, SHOPLINE, Setup, Store, TestApp};

pub(crate) use page::Page;

on_both!(
    everything_is_counted_once,
    backlogs_are_told_with_their_age,
    a_proxy_does_not_get_them,
);

async fn page(app: &TestApp) -> Page {
    Page::load(&app.http, &format!("{}/metrics", app.base_url)).await
}

async fn page_when(app: &TestApp, is_wanted: impl Fn(&Page) -> bool) -> Page {
    Page::when(&app.http, &format!("{}/metrics", app.base_url), is_wanted).await
}

/// A store whose seller has pasted a key that is good.
async fn store_with_key(app: &TestApp, institution: &Institution) -> Store {
    let client_id = institution.client("seller with a key").await;
    let store_url = "https://key-shop.myshopify.com";
    let store = institution.create(&client_id, "SHOPIFY", store_url).await;
    let shop = "key-shop".parse().unwrap();
    app.sandbox
        .register_token(shop, KEY.into(), vec!["read_orders".to_owned()]);
    let key = json!({"auth_type": "KEY", "auth_info": {"token": KEY}});
    institution.data("store/auth", &store.with(key)).await;
    store
}

const KEY: &str = "the-key-of-a-shop";

/// An endpoint that has to be asked twice, three authorizations, and two calls that do not count.
async fn play(app: &TestApp, alpha: &Institution) -> Vec<Store> {
    app.receiver.script("/alpha", [Reply::status(500)]);
    let granted = alpha.store(&SHOPLINE, "blue-shop").await;
    app.visit(&app.approve(&alpha.link(&granted).await).await)
        .await;
    app.settle().await;
    // As long as the first wait can be.
    app.advance(Duration::from_secs(6));
    let denied = alpha.store(&GENSTORE, "red-shop").await;
    let callback = app.decide(&alpha.link(&denied).await, Decision::Deny).await;
    app.visit(&callback).await;
    let proven = store_with_key(app, alpha).await;
    app.settle().await;
    assert_eq!(app.receiver.take().len(), 4);

    let mut call = alpha.signing("client/register", r#"{"partner_user_id":"once"}"#);
    assert_eq!(alpha.send(&call).await.status, 200);
    assert_eq!(alpha.send(&call).await.status, 401);
    call = alpha.signing("store/list", "{}");
    call.secret.push('x');
    assert_eq!(alpha.send(&call).await.status, 401);
    vec![granted, denied, proven]
}

async fn everything_is_counted_once(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let before = page(app).await;
    let stores = play(app, &alpha).await;
    let after = page(app).await;

    let families = [
        "authorizations_ended_total",
        "outbox_events_published_total",
        "webhook_attempts_total",
        "webhook_attempt_duration_seconds_count",
        "egress_requests_total",
        "egress_request_duration_seconds_count",
        "nonces_refused_total",
        "signatures_refused_total",
        "requests_limited_total",
        "http_requests_total",
    ];
    let mut grown = after.growth_since(&before, &families);
    // The first page counts itself when it has been read.
    let own = "http_requests_total{code=\"\",method=\"GET\",route=\"/metrics\",status=\"2xx\"}";
    assert_eq!(grown.remove(own), Some(json!(1.0)));
    assert_eq!(grown, expected());

    check_names(&after);
    let mut ids = vec![&alpha.app_id, &alpha.secret, &alpha.token];
    ids.extend([&endpoint.id, &endpoint.secret, &endpoint.url]);
    ids.extend(
        stores
            .iter()
            .flat_map(|store| [&store.store_id, &store.client_id]),
    );
    let names = [
        "Alpha",
        "blue-shop",
        "red-shop",
        "key-shop",
        KEY,
        "127.0.0.1",
    ];
    for told in ids.into_iter().map(String::as_str).chain(names) {
        assert!(!after.text.contains(told), "{told} is in {}", after.text);
    }
}

/// The documents name every metric.
fn check_names(page: &Page) {
    let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let documents = fs::read_to_string(documents).unwrap();
    let families: Vec<_> = page.families().collect();
    assert!(families.len() > 20, "{families:?}");
    for family in families {
        let family = family.strip_suffix("_oldest_age_seconds").unwrap_or(family);
        let names = ["", "_total", "_info"].map(|suffix| format!("`{family}{suffix}`"));
        assert!(
            names.iter().any(|name| documents.contains(name)),
            "{family}"
        );
    }
}

fn expected() -> BTreeMap<String, Value> {
    let ended = |platform, auth_type, outcome, reason| {
        format!(
            "authorizations_ended_total{{auth_type=\"{auth_type}\",outcome=\"{outcome}\",\
             platform=\"{platform}\",reason=\"{reason}\"}}"
        )
    };
    let answered = |code, method, route, status| {
        format!(
            "http_requests_total{{code=\"{code}\",method=\"{method}\",route=\"{route}\",\
             status=\"{status}\"}}"
        )
    };
    let callback = "/v1/auth/{platform}/callback";
    BTreeMap::from([
        (ended("SHOPLINE", "URL", "SUCCESS", ""), json!(1.0)),
        (
            ended("GENSTORE", "URL", "FAILED", "USER_DENIED"),
            json!(1.0),
        ),
        (ended("SHOPIFY", "KEY", "SUCCESS", ""), json!(1.0)),
        (
            "outbox_events_published_total{result=\"taken\"}".to_owned(),
            json!(3.0),
        ),
        (
            "webhook_attempts_total{result=\"5xx\"}".to_owned(),
            json!(1.0),
        ),
        (
            "webhook_attempts_total{result=\"2xx\"}".to_owned(),
            json!(3.0),
        ),
        (
            "webhook_attempt_duration_seconds_count".to_owned(),
            json!(4.0),
        ),
        (
            "egress_requests_total{purpose=\"webhook\",result=\"5xx\"}".to_owned(),
            json!(1.0),
        ),
        (
            "egress_requests_total{purpose=\"webhook\",result=\"2xx\"}".to_owned(),
            json!(3.0),
        ),
        // A code, and for the key two questions.
        (
            "egress_requests_total{purpose=\"platform\",result=\"2xx\"}".to_owned(),
            json!(3.0),
        ),
        (
            "egress_request_duration_seconds_count{purpose=\"webhook\"}".to_owned(),
            json!(4.0),
        ),
        (
            "egress_request_duration_seconds_count{purpose=\"platform\"}".to_owned(),
            json!(3.0),
        ),
        ("nonces_refused_total".to_owned(), json!(1.0)),
        (
            "signatures_refused_total{reason=\"mismatch\"}".to_owned(),
            json!(1.0),
        ),
        (
            answered("200", "POST", "/v1/client/register", "2xx"),
            json!(4.0),
        ),
        (
            answered("401", "POST", "/v1/client/register", "4xx"),
            json!(1.0),
        ),
        (
            answered("200", "POST", "/v1/store/create", "2xx"),
            json!(3.0),
        ),
        (answered("200", "POST", "/v1/store/auth", "2xx"), json!(3.0)),
        (answered("401", "POST", "/v1/store/list", "4xx"), json!(1.0)),
        (answered("", "GET", callback, "3xx"), json!(2.0)),
    ])
}

async fn backlogs_are_told_with_their_age(app: &TestApp) {
    let mut alpha = app.institution("Alpha").await;
    alpha.endpoint(app, "/alpha", &[]).await;
    let waiting = |page: &Page, name: &str| {
        let age = page.value(&format!("{name}_oldest_age_seconds"));
        (page.value(name).unwrap(), age.unwrap())
    };
    let names = [
        "outbox_events_waiting",
        "deliveries_due",
        "key_proofs_due",
        "authorizations_overdue",
    ];
    let idle = page_when(app, |page| page.value("outbox_events_waiting") == Some(0.0)).await;
    assert_eq!(idle.value("database_up"), Some(1.0));
    assert_eq!(names.map(|name| waiting(&idle, name)), [(0.0, 0.0); 4]);

    // A pasted key, a link that dies in a day, and after a day two events: nobody works.
    let proven = store_with_key(app, &alpha).await;
    let linked = alpha.store(&SHOPLINE, "blue-shop").await;
    alpha.link(&linked).await;
    app.advance(Duration::from_hours(24));
    alpha.renew_token().await;
    let gone = alpha.store(&SHOPLINE, "red-shop").await;
    alpha.data("store/unbind", &gone.ids()).await;
    app.advance(Duration::from_secs(5));
    let other = alpha.store(&SHOPLINE, "red-shop").await;
    alpha.data("store/unbind", &other.ids()).await;
    app.advance(Duration::from_secs(2));
    let page = page_when(app, |page| page.value("outbox_events_waiting") == Some(2.0)).await;
    let day = 24.0 * 3600.0;
    assert_eq!(waiting(&page, "outbox_events_waiting"), (2.0, 7.0));
    assert_eq!(waiting(&page, "deliveries_due"), (0.0, 0.0));
    assert_eq!(waiting(&page, "key_proofs_due"), (1.0, day + 7.0));
    // A key has two minutes.
    assert_eq!(
        waiting(&page, "authorizations_overdue"),
        (2.0, day + 7.0 - 120.0)
    );

    // The bus has them, and nobody delivers.
    app.process.relay().await;
    app.advance(Duration::from_secs(3));
    let page = page_when(app, |page| page.value("outbox_events_waiting") == Some(0.0)).await;
    assert_eq!(waiting(&page, "deliveries_due"), (2.0, 3.0));

    app.settle().await;
    let page = page_when(app, |page| page.value("deliveries_due") == Some(0.0)).await;
    assert_eq!(names.map(|name| waiting(&page, name)), [(0.0, 0.0); 4]);
    assert_eq!(app.receiver.take().len(), 4);
    for store in [&proven, &linked] {
        assert_eq!(alpha.query(store).await["sequence"], 1);
    }
}

/// Whoever puts the API behind a proxy puts all paths behind it.
async fn a_proxy_does_not_get_them(app: &TestApp) {
    for header in ["x-forwarded-for", "forwarded", "via"] {
        let request = app.http.get(format!("{}/metrics", app.base_url));
        let answer = request.header(header, "192.0.2.1").send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 404, "{header}");
    }
}

/// With limits that two calls use up.
mod limited {
    use super::*;

    on_both!(with limits: who_calls_too_often_is_counted);

    fn limits() -> Setup {
        let rate = Rate {
            per_second: NonZeroU32::MIN,
            burst: NonZeroU32::new(2).unwrap(),
        };
        Setup {
            rate: RateOptions {
                per_institution: rate,
                per_address: rate,
            },
            ..Setup::default()
        }
    }

    async fn who_calls_too_often_is_counted(app: &TestApp) {
        let alpha = app.institution("Alpha").await;
        for _ in 0..3 {
            alpha.answer("store/list", &json!({})).await;
        }
        for _ in 0..3 {
            alpha.ask_token(&alpha.app_id, &alpha.secret).await;
        }
        let page = page(app).await;
        let limited = |by| page.value(&format!("requests_limited_total{{by=\"{by}\"}}"));
        // One token was asked for before.
        assert_eq!(
            (limited("institution"), limited("address")),
            (Some(1.0), Some(2.0))
        );
    }
}
