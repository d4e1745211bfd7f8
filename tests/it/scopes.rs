//! What grants may do: read again now and then and on a hint, told when it changes, and mended by a link that
//! is ready.

mod on_demand;

use std::time::Duration;

use broker::Operator;
use sandbox::{Dialect, Fault, Rule, SignedEvent, Step};
use serde_json::{Value, json};

use crate::harness::{
    Answer, CAFE24, Decision, Endpoint, GENSTORE, Institution, PlatformCase, SHOPLINE, Store,
    TestApp, refused,
};

on_both!(
    a_narrower_set_is_told_with_a_link_and_a_wider_one_without,
    an_event_is_a_hint_alone,
    scopes_are_read_without_a_hint_too,
    a_platform_that_is_down_is_asked_again,
    a_grant_that_may_not_ask_keeps_what_is_known,
    an_app_that_requires_more_finds_scopes_missing,
    a_dead_grant_is_found_by_the_way,
    a_refresh_that_names_fewer_scopes_tells_it,
    the_ready_link_mends_the_grant,
    a_ready_link_that_nobody_follows_is_no_failure,
    a_ready_link_that_is_declined_is_told_to_who_asks,
    store_auth_takes_the_place_of_the_ready_link,
    an_end_ahead_comes_with_a_ready_link,
    of_two_processes_one_tells,
);

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// A store at Genstore whose app requires these two scopes, one of which lets it ask for its scopes.
struct Shop {
    alpha: Institution,
    endpoint: Endpoint,
    store: Store,
}

fn names(scopes: &[&str]) -> Vec<String> {
    scopes.iter().map(|&scope| scope.to_owned()).collect()
}

async fn require(app: &TestApp, case: &PlatformCase, scopes: &[&str]) {
    let mut configuration = case.configuration(app.sandbox_address);
    configuration.scopes = names(scopes);
    app.process
        .broker
        .configure_platform_app(&Operator, configuration)
        .await
        .unwrap();
}

impl Shop {
    async fn open(app: &TestApp, case: &PlatformCase, scopes: &[&str]) -> Self {
        require(app, case, scopes).await;
        let alpha = app.institution("Alpha").await;
        let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
        let store = alpha.store(case, "demo-shop").await;
        let shown = app
            .visit(&app.approve(&alpha.link(&store).await).await)
            .await;
        app.told(&alpha, &endpoint, &store, shown.header("location"))
            .await;
        Self {
            alpha,
            endpoint,
            store,
        }
    }

    /// With `read_orders` and `write_apps`.
    async fn genstore(app: &TestApp) -> Self {
        Self::open(app, &GENSTORE, &["read_orders", "write_apps"]).await
    }

    async fn told(&self, app: &TestApp) -> Value {
        let (alpha, endpoint) = (&self.alpha, &self.endpoint);
        app.told(alpha, endpoint, &self.store, None).await
    }

    async fn query(&self) -> Value {
        self.alpha.query(&self.store).await
    }

    /// The event that the scopes are missing, and its link.
    async fn told_missing(&self, app: &TestApp) -> (Value, String) {
        let event = self.told(app).await;
        assert_eq!(event["type"], "store.auth.scopes_changed");
        assert_eq!(event["data"]["health"], "SCOPES_MISSING");
        assert_eq!(event["data"]["auth_status"], "SUCCESS");
        let link = event["data"]["reauthorize_url"].as_str().expect("a link");
        let link = link.to_owned();
        (event, link)
    }
}

fn change(app: &TestApp, scopes: &[&str]) -> SignedEvent {
    let shop = "demo-shop".parse().unwrap();
    let client_id = Some(GENSTORE.client_id);
    app.sandbox
        .change_scopes(&shop, client_id, &names(scopes))
        .unwrap()
}

async fn tell(app: &TestApp, event: &SignedEvent) {
    let url = format!("{}{}", app.base_url, GENSTORE.events_path());
    let mut request = app.http.post(url);
    for (name, value) in &event.headers {
        request = request.header(*name, value);
    }
    let sent = request.body(event.body.clone()).send().await.unwrap();
    assert_eq!(Answer::of(sent).await.status, 200);
}

fn scope(name: &str, grant: &str, required: bool) -> Value {
    let scope = name.replacen('_', ":", 1);
    json!({"scope": scope, "name": name, "grant": grant, "ids": [], "required": required})
}

fn readings(app: &TestApp) -> Vec<&'static str> {
    let calls = app.sandbox.calls();
    let readings = calls
        .iter()
        .filter(|call| call.path.ends_with("/access_scopes"));
    readings.map(|call| call.outcome).collect()
}

async fn a_narrower_set_is_told_with_a_link_and_a_wider_one_without(app: &TestApp) {
    let shop = Shop::genstore(app).await;
    tell(app, &change(app, &["write_apps"])).await;
    let (event, link) = shop.told_missing(app).await;
    let data = &event["data"];
    assert_eq!(
        (&data["sequence"], &data["fail"]),
        (&json!(2), &json!(null))
    );
    assert_eq!(
        data["scopes"],
        json!([
            scope("read_orders", "none", true),
            scope("write_apps", "all", true)
        ])
    );
    assert!(data.get("reauthorization").is_none());
    assert!(link.starts_with(&format!("{}/go/", app.base_url)), "{link}");
    let hinted = "SELECT COUNT(*) FROM platform_events WHERE outcome = 'HINT_TAKEN'";
    assert_eq!(app.database.number(hinted).await, 1);

    tell(app, &change(app, &["write_orders", "write_apps"])).await;
    let event = shop.told(app).await;
    assert_eq!(event["type"], "store.auth.scopes_changed");
    let data = &event["data"];
    assert_eq!(
        (&data["health"], &data["sequence"]),
        (&json!("HEALTHY"), &json!(3))
    );
    assert!(data.get("reauthorize_url").is_none());
    assert_eq!(data["scopes"][0], scope("read_orders", "all", true));
    assert_eq!(data["scopes"][2], scope("write_orders", "all", false));
    assert_eq!(readings(app), ["scopes told"; 2]);
}

async fn an_event_is_a_hint_alone(app: &TestApp) {
    let shop = Shop::genstore(app).await;
    let before = shop.query().await;
    // It was changed back before anybody heard of it.
    let late = change(app, &["write_apps"]);
    change(app, &["read_orders", "write_apps"]);
    tell(app, &late).await;
    app.settle().await;
    assert_eq!(shop.query().await, before);
    assert_eq!(readings(app), ["scopes told"]);
    let nobody = "nobody-s-shop".parse().unwrap();
    let client_id = Some(GENSTORE.client_id);
    let event = app
        .sandbox
        .change_scopes(&nobody, client_id, &names(&["read_orders"]));
    tell(app, &event.unwrap()).await;
    app.settle().await;
    let nothing = "SELECT COUNT(*) FROM platform_events WHERE outcome = 'NO_GRANT'";
    assert_eq!(app.database.number(nothing).await, 1);
    assert_eq!(readings(app).len(), 1);
}

async fn scopes_are_read_without_a_hint_too(app: &TestApp) {
    let mut shop = Shop::genstore(app).await;
    change(app, &["write_apps"]);
    app.advance(23 * HOUR);
    app.settle().await;
    assert_eq!(readings(app).len(), 0);
    app.advance(HOUR);
    shop.alpha.renew_token().await;
    shop.told_missing(app).await;
    for _ in 0..3 {
        app.advance(DAY);
        app.settle().await;
    }
    assert_eq!(readings(app).len(), 4);
    assert_eq!(app.receiver.take(), [], "it is told once");
}

async fn a_platform_that_is_down_is_asked_again(app: &TestApp) {
    let shop = Shop::genstore(app).await;
    for fault in [Fault::ServerError, Fault::Garbage, Fault::OkWithError] {
        app.sandbox
            .script(Rule {
                dialect: Dialect::Genstore,
                shop: None,
                step: Step::Probe,
                fault,
                sticky: false,
            })
            .unwrap();
    }
    tell(app, &change(app, &["write_apps"])).await;
    for tries in 1..=3 {
        app.settle().await;
        assert_eq!(readings(app).len(), tries);
        assert_eq!(shop.query().await["health"], "HEALTHY");
        app.advance(Duration::from_mins(5));
    }
    shop.told_missing(app).await;
}

/// Without `read_apps` or `write_apps` the platform does not say.
async fn a_grant_that_may_not_ask_keeps_what_is_known(app: &TestApp) {
    let mut shop = Shop::open(app, &GENSTORE, &["read_orders"]).await;
    let before = shop.query().await;
    change(app, &["read_products"]);
    app.advance(DAY);
    app.settle().await;
    shop.alpha.renew_token().await;
    assert_eq!(shop.query().await, before);
    assert_eq!(readings(app), ["refused: scope"]);
    // What is required can be laid beside what is known all the same.
    require(app, &GENSTORE, &["read_orders", "read_products"]).await;
    app.advance(DAY);
    shop.alpha.renew_token().await;
    shop.told_missing(app).await;
}

async fn an_app_that_requires_more_finds_scopes_missing(app: &TestApp) {
    let mut shop = Shop::genstore(app).await;
    let wanted = ["read_orders", "write_apps", "read_products"];
    require(app, &GENSTORE, &wanted).await;
    app.settle().await;
    assert_eq!(
        shop.query().await["health"],
        "HEALTHY",
        "nobody has read them"
    );
    app.advance(DAY);
    shop.alpha.renew_token().await;
    let (event, _) = shop.told_missing(app).await;
    let scopes = event["data"]["scopes"].as_array().unwrap();
    assert!(scopes.contains(&scope("read_products", "none", true)));

    // Genstore answers with the token that it gave before.
    let link = shop.alpha.link(&shop.store).await;
    let shown = app.visit(&app.approve(&link).await).await;
    let location = shown.header("location");
    let (alpha, endpoint) = (&shop.alpha, &shop.endpoint);
    let event = app.told(alpha, endpoint, &shop.store, location).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    assert_eq!(event["data"]["health"], "HEALTHY");
    let calls = app.sandbox.calls();
    let ended = calls.iter().filter(|call| call.method == "DELETE");
    assert_eq!(ended.count(), 0, "the one token is still needed");
    let healthy = shop.store.with(json!({"auth_type": "URL"}));
    let repeat = refused(900_004, "repeat authorized");
    assert_eq!(shop.alpha.call("store/auth", &healthy).await, repeat);
    app.advance(DAY);
    shop.alpha.renew_token().await;
    app.settle().await;
    assert_eq!(shop.query().await["health"], "HEALTHY");
}

async fn a_dead_grant_is_found_by_the_way(app: &TestApp) {
    let mut shop = Shop::genstore(app).await;
    let label = "demo-shop".parse().unwrap();
    app.sandbox.uninstall(Dialect::Genstore, &label);
    app.advance(DAY);
    shop.alpha.renew_token().await;
    let event = shop.told(app).await;
    assert_eq!(event["type"], "store.auth.revoked");
    assert_eq!(event["data"]["auth_fail_reason"], "AUTH_REVOKED");
    let claims = "SELECT COUNT(*) FROM claims";
    assert_eq!(app.database.number(claims).await, 0);
}

async fn a_refresh_that_names_fewer_scopes_tells_it(app: &TestApp) {
    let cases = [
        (CAFE24, ["mall.read_order", "mall.read_product"], HOUR),
        (SHOPLINE, ["read_orders", "read_products"], 5 * HOUR),
    ];
    for (case, required, half_life) in cases {
        let mut shop = Shop::open(app, &case, &required).await;
        let rule = Rule {
            dialect: case.dialect,
            shop: None,
            step: Step::Token,
            fault: Fault::FewerScopes(names(&required[..1])),
            sticky: true,
        };
        app.sandbox.script(rule).unwrap();
        app.advance(half_life);
        shop.alpha.renew_token().await;
        shop.told_missing(app).await;
        app.advance(half_life);
        shop.alpha.renew_token().await;
        app.settle().await;
        assert_eq!(shop.query().await["health"], "SCOPES_MISSING");
        app.sandbox.clear_script();
        assert_eq!(app.receiver.take(), [], "{}", case.code);

        let link = shop.alpha.link(&shop.store).await;
        let shown = app.visit(&app.approve(&link).await).await;
        let location = shown.header("location");
        let (alpha, endpoint) = (&shop.alpha, &shop.endpoint);
        let event = app.told(alpha, endpoint, &shop.store, location).await;
        assert_eq!(event["data"]["health"], "HEALTHY");
        app.advance(half_life);
        shop.alpha.renew_token().await;
        app.settle().await;
        assert_eq!(shop.query().await["health"], "HEALTHY");
    }
}

async fn the_ready_link_mends_the_grant(app: &TestApp) {
    let shop = Shop::genstore(app).await;
    tell(app, &change(app, &["write_apps"])).await;
    let (_, link) = shop.told_missing(app).await;
    let page = app.visit(&link).await;
    assert_eq!(page.status, 200);
    for named in [
        "<strong><bdi>Alpha</bdi></strong>",
        "<strong><bdi>demo-shop</bdi></strong>",
    ] {
        assert!(page.text.contains(named), "{named}: {}", page.text);
    }
    // Looking at it is no attempt.
    assert!(shop.query().await.get("reauthorization").is_none());
    let callback = app.approve(&link).await;
    let shown = app.visit(&callback).await;
    assert_eq!(shown.status, 200, "nobody said where to go on");
    assert!(shown.text.contains("Your shop is connected"));
    let event = shop.told(app).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    assert_eq!(event["data"]["health"], "HEALTHY");
    let secret = link.rsplit('/').next().unwrap();
    let kept = format!("SELECT COUNT(*) FROM hosted_links WHERE token_hash = '{secret}'");
    assert_eq!(app.database.number(kept).await, 0);
}

async fn a_ready_link_that_nobody_follows_is_no_failure(app: &TestApp) {
    let mut shop = Shop::genstore(app).await;
    tell(app, &change(app, &["write_apps"])).await;
    let (_, link) = shop.told_missing(app).await;
    let before = shop.query().await;
    app.advance(7 * DAY);
    shop.alpha.renew_token().await;
    app.settle().await;
    let mut after = shop.query().await;
    assert_eq!(
        after["revision"].as_i64(),
        before["revision"].as_i64().map(|revision| revision + 1)
    );
    after["revision"] = before["revision"].clone();
    assert_eq!(after, before, "it is as it was");
    let page = app.visit(&link).await;
    assert!(page.text.contains("expired"), "{}", page.text);
    assert_eq!(app.receiver.take(), []);
}

async fn a_ready_link_that_is_declined_is_told_to_who_asks(app: &TestApp) {
    let shop = Shop::genstore(app).await;
    tell(app, &change(app, &["write_apps"])).await;
    let (_, link) = shop.told_missing(app).await;
    let callback = app.decide(&link, Decision::Deny).await;
    let shown = app.visit(&callback).await;
    assert!(shown.text.contains("You declined the connection"));
    assert!(shown.text.contains("Your shop stays connected"));
    app.settle().await;
    let snapshot = shop.query().await;
    assert_eq!(
        snapshot["reauthorization"],
        json!({"status": "FAILED", "auth_fail_reason": "USER_DENIED"})
    );
    assert_eq!(snapshot["health"], "SCOPES_MISSING");
    assert_eq!(app.receiver.take(), []);
}

async fn store_auth_takes_the_place_of_the_ready_link(app: &TestApp) {
    let shop = Shop::genstore(app).await;
    tell(app, &change(app, &["write_apps"])).await;
    let (_, ready) = shop.told_missing(app).await;
    let callback = app.approve(&ready).await;
    let asked = shop.alpha.link(&shop.store).await;
    assert_eq!(
        shop.query().await["reauthorization"]["status"],
        "PROCESSING"
    );
    assert_eq!(app.visit(&callback).await.status, 400);

    // While the institution's own runs, no other is put in its place.
    let label = "demo-shop".parse().unwrap();
    let client_id = Some(GENSTORE.client_id);
    let event = app
        .sandbox
        .change_scopes(&label, client_id, &names(&["read_apps"]))
        .unwrap();
    tell(app, &event).await;
    let event = shop.told(app).await;
    assert_eq!(event["type"], "store.auth.scopes_changed");
    assert!(event["data"].get("reauthorize_url").is_none());
    let shown = app.visit(&app.approve(&asked).await).await;
    let location = shown.header("location");
    let (alpha, endpoint) = (&shop.alpha, &shop.endpoint);
    let event = app.told(alpha, endpoint, &shop.store, location).await;
    assert_eq!(event["data"]["health"], "HEALTHY");
}

async fn an_end_ahead_comes_with_a_ready_link(app: &TestApp) {
    let mut shop = Shop::genstore(app).await;
    // No platform here gives such an end: in ten days, of which seven are notice.
    app.database
        .execute(
            "UPDATE grants SET expires_at = created_at + 864000000, \
             notice_at = created_at + 259200000",
        )
        .await;
    app.advance(3 * DAY);
    shop.alpha.renew_token().await;
    let event = shop.told(app).await;
    assert_eq!(event["type"], "store.auth.expiring");
    let link = event["data"]["reauthorize_url"].as_str().unwrap();
    // An end goes before scopes that are missing, and those are told all the same.
    tell(app, &change(app, &["write_apps"])).await;
    let event = shop.told(app).await;
    assert_eq!(event["type"], "store.auth.scopes_changed");
    assert_eq!(event["data"]["health"], "EXPIRING");
    let newer = event["data"]["reauthorize_url"].as_str().unwrap();
    assert_ne!(newer, link);
    let over = app.visit(link).await;
    assert!(!over.text.contains("demo-shop"), "{}", over.text);
    app.visit(&app.approve(newer).await).await;
    let event = shop.told(app).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    assert!(event["data"].get("reauthorize_by").is_none());
}

async fn of_two_processes_one_tells(app: &TestApp) {
    let shop = Shop::genstore(app).await;
    tell(app, &change(app, &["write_apps"])).await;
    app.process.broker.platform_event_step().await.unwrap();
    let other = app.another_process().await;
    let (one, two) = (&app.process.broker, &other.broker);
    let steps = tokio::join!(one.scope_step(), two.scope_step());
    steps.0.unwrap();
    steps.1.unwrap();
    assert_eq!(readings(app).len(), 1);
    shop.told_missing(app).await;
    other.stop().await;
}
