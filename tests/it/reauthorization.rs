//! An authorization beside a grant that works: it replaces the grant, or nothing.

use std::time::Duration;

use broker::Progress;
use sandbox::{Dialect, Fault, Rule, Step};
use serde_json::{Value, json};

use crate::harness::{
    Answer, CAFE24, Decision, Endpoint, Gate, Institution, MULTIVENDE, PlatformCase, SHOPLINE,
    Store, TestApp, ok, refused,
};

on_both!(
    only_a_grant_that_asks_for_it_takes_another,
    what_is_proven_replaces_the_grant,
    what_fails_breaks_nothing,
    a_link_that_nobody_follows_breaks_nothing,
    another_seller_id_is_refused,
    a_second_attempt_takes_the_place_of_the_first,
    a_grant_that_ends_ends_the_attempt_beside_it,
    neither_a_link_nor_time_ends_an_exchange_under_way,
    an_attempt_that_its_store_has_lost_is_ended_once,
    a_renewal_under_way_does_not_overwrite_the_new_credential,
    of_two_processes_one_ends_the_attempt,
    a_key_is_replaced_by_a_key,
    a_key_that_fails_breaks_nothing,
);

const HOUR: Duration = Duration::from_hours(1);

/// A store whose grant could not be renewed, half a life after it was authorized.
struct Failing {
    alpha: Institution,
    endpoint: Endpoint,
    store: Store,
}

impl Failing {
    async fn grant(app: &TestApp, case: &PlatformCase) -> Self {
        let alpha = app.institution("Alpha").await;
        let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
        let store = alpha.store(case, "demo-shop").await;
        let shown = app
            .visit(&app.approve(&alpha.link(&store).await).await)
            .await;
        app.told(&alpha, &endpoint, &store, shown.header("location"))
            .await;
        let mut failing = Self {
            alpha,
            endpoint,
            store,
        };
        failing.fail(app, case).await;
        failing
    }

    async fn fail(&mut self, app: &TestApp, case: &PlatformCase) {
        app.sandbox
            .script(Rule {
                dialect: case.dialect,
                shop: None,
                step: Step::Token,
                fault: Fault::TooManyRequests,
                sticky: true,
            })
            .unwrap();
        app.advance(match case.dialect {
            Dialect::Shopline => 5 * HOUR,
            Dialect::Multivende => 3 * HOUR,
            Dialect::Genstore | Dialect::Cafe24 | Dialect::Shopify | Dialect::Woocommerce => HOUR,
        });
        self.alpha.renew_token().await;
        app.settle().await;
        app.sandbox.clear_script();
        let snapshot = self.alpha.query(&self.store).await;
        assert_ne!(snapshot["health"], "HEALTHY", "{snapshot}");
        assert_eq!(snapshot["auth_status"], "SUCCESS");
    }

    async fn query(&self) -> Value {
        self.alpha.query(&self.store).await
    }
}

fn processing() -> Value {
    json!({"status": "PROCESSING", "auth_fail_reason": ""})
}

fn failed(reason: &str) -> Value {
    json!({"status": "FAILED", "auth_fail_reason": reason})
}

async fn only_a_grant_that_asks_for_it_takes_another(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let link = alpha.link(&store).await;
    assert_eq!(app.visit(&app.approve(&link).await).await.status, 303);
    let before = alpha.query(&store).await;
    let answer = alpha
        .call("store/auth", &store.with(json!({"auth_type": "URL"})))
        .await;
    assert_eq!(answer, refused(900_004, "repeat authorized"));
    assert_eq!(alpha.query(&store).await, before);
    app.settle().await;
}

async fn what_is_proven_replaces_the_grant(app: &TestApp) {
    for case in [SHOPLINE, CAFE24, MULTIVENDE] {
        let failing = Failing::grant(app, &case).await;
        let before = failing.query().await;
        let link = failing.alpha.link(&failing.store).await;
        let mut expected = before.clone();
        expected["reauthorization"] = processing();
        expected["revision"] = json!(before["revision"].as_i64().unwrap() + 1);
        assert_eq!(failing.query().await, expected, "{}", case.code);

        let shown = app.visit(&app.approve(&link).await).await;
        let Failing {
            mut alpha,
            endpoint,
            store,
        } = failing;
        let event = app
            .told(&alpha, &endpoint, &store, shown.header("location"))
            .await;
        assert_eq!(event["type"], "store.auth.succeeded");
        let data = &event["data"];
        assert_eq!(
            (&data["health"], &data["sequence"]),
            (&json!("HEALTHY"), &json!(2))
        );
        assert_eq!(data["shop_identity"], before["shop_identity"]);
        assert_eq!(data["seller_id"], before["seller_id"]);
        assert_eq!(data["authorized_at"], app.now_text());
        assert!(data.get("reauthorization").is_none());
        let grants = "SELECT COUNT(*) FROM grants WHERE status = 'LIVE'";
        assert_eq!(app.database.number(grants).await, 1);
        let claims = "SELECT COUNT(*) FROM claims";
        assert_eq!(app.database.number(claims).await, 1);

        // The new one is renewed in its turn; the callback that brought it brings nothing twice.
        app.advance(6 * HOUR);
        alpha.renew_token().await;
        app.settle().await;
        let snapshot = alpha.query(&store).await;
        assert_eq!(snapshot["health"], "HEALTHY", "{snapshot}");
        let unbound = alpha.data("store/unbind", &store.ids()).await;
        assert_eq!(unbound, Value::Null);
        app.settle().await;
        app.receiver.take();
        assert_eq!(app.database.number(claims).await, 0);
    }
}

async fn what_fails_breaks_nothing(app: &TestApp) {
    let failing = Failing::grant(app, &SHOPLINE).await;
    let Failing {
        mut alpha,
        endpoint,
        store,
    } = failing;
    let before = alpha.query(&store).await;
    let script = |step, fault| {
        let rule = Rule {
            dialect: Dialect::Shopline,
            shop: None,
            step,
            fault,
            sticky: false,
        };
        app.sandbox.script(rule).unwrap();
    };
    let other = || "other-shop".parse().unwrap();
    let cases = [
        (None, Decision::Deny, "USER_DENIED"),
        (
            Some((Step::Consent, Fault::WrongShop(other()))),
            Decision::Approve,
            "SELLER_MISMATCH",
        ),
        (
            Some((Step::Token, Fault::CodeAlreadyUsed)),
            Decision::Approve,
            "PLATFORM_REJECTED",
        ),
        (
            Some((Step::Token, Fault::ServerError)),
            Decision::Approve,
            "PLATFORM_UNREACHABLE",
        ),
        (
            Some((Step::Consent, Fault::FewerScopes(Vec::new()))),
            Decision::Approve,
            "SCOPES_INSUFFICIENT",
        ),
    ];
    for (fault, decision, reason) in cases {
        if let Some((step, fault)) = fault {
            script(step, fault);
        }
        let callback = app.decide(&alpha.link(&store).await, decision).await;
        let shown = app.visit(&callback).await;
        // The redirect is the store's status, as in every other channel.
        let location = shown.header("location").unwrap();
        assert!(
            location.ends_with("&auth_status=SUCCESS&auth_fail_reason="),
            "{reason}: {location}"
        );
        let mut snapshot = alpha.query(&store).await;
        assert_eq!(snapshot["reauthorization"], failed(reason));
        snapshot.as_object_mut().unwrap().remove("reauthorization");
        snapshot["revision"] = before["revision"].clone();
        assert_eq!(snapshot, before, "{reason}");
        let again = app.visit(&callback).await;
        assert_eq!(again.header("location"), Some(location));
    }
    app.settle().await;
    assert_eq!(app.receiver.take(), [], "nothing is told");

    // The grant goes on, and is renewed when the platform is well again. What the seller took away in the end
    // shows then.
    app.advance(HOUR);
    alpha.renew_token().await;
    let event = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(event["type"], "store.auth.scopes_changed");
    let data = &event["data"];
    assert_eq!(data["health"], "SCOPES_MISSING");
    assert_eq!(
        data["reauthorization"],
        Value::Null,
        "another link is ready"
    );
}

async fn a_link_that_nobody_follows_breaks_nothing(app: &TestApp) {
    let mut failing = Failing::grant(app, &CAFE24).await;
    let link = failing.alpha.link(&failing.store).await;
    let callback = app.approve(&link).await;
    app.advance(24 * HOUR);
    failing.alpha.renew_token().await;
    app.settle().await;
    let snapshot = failing.query().await;
    assert_eq!(snapshot["reauthorization"], failed("LINK_EXPIRED"));
    assert_eq!(
        (&snapshot["auth_status"], &snapshot["health"]),
        (&json!("SUCCESS"), &json!("HEALTHY"))
    );
    let shown = app.visit(&callback).await;
    let location = shown.header("location").unwrap();
    assert!(location.contains("&auth_status=SUCCESS&"), "{location}");
    assert_eq!(app.receiver.take(), []);
}

async fn another_seller_id_is_refused(app: &TestApp) {
    let failing = Failing::grant(app, &CAFE24).await;
    let ask = async |seller_id: &str| {
        let fields = json!({"auth_type": "URL", "seller_id": seller_id});
        let fields = failing.store.with(fields);
        failing.alpha.call("store/auth", &fields).await
    };
    let contradicts = "seller_id contradicts the shop that is authorized";
    assert_eq!(ask("demo-shop/2").await, refused(900_002, contradicts));
    assert!(failing.query().await.get("reauthorization").is_none());
    assert_eq!(ask("demo-shop").await.1["code"], 200);
}

async fn a_second_attempt_takes_the_place_of_the_first(app: &TestApp) {
    let failing = Failing::grant(app, &SHOPLINE).await;
    let first = app.approve(&failing.alpha.link(&failing.store).await).await;
    let second = app.approve(&failing.alpha.link(&failing.store).await).await;
    assert_eq!(app.visit(&first).await.status, 400);
    assert_eq!(failing.query().await["reauthorization"], processing());
    let shown = app.visit(&second).await;
    let location = shown.header("location");
    let (alpha, endpoint) = (&failing.alpha, &failing.endpoint);
    let event = app.told(alpha, endpoint, &failing.store, location).await;
    assert_eq!(event["type"], "store.auth.succeeded");
}

async fn a_grant_that_ends_ends_the_attempt_beside_it(app: &TestApp) {
    let mut failing = Failing::grant(app, &SHOPLINE).await;
    let callback = app.approve(&failing.alpha.link(&failing.store).await).await;
    let shop = "demo-shop".parse().unwrap();
    app.sandbox.uninstall(Dialect::Shopline, &shop);
    app.advance(HOUR);
    failing.alpha.renew_token().await;
    let (alpha, endpoint) = (&failing.alpha, &failing.endpoint);
    let event = app.told(alpha, endpoint, &failing.store, None).await;
    assert_eq!(event["type"], "store.auth.revoked");
    assert!(event["data"].get("reauthorization").is_none());
    assert_eq!(app.visit(&callback).await.status, 400);
    let waiting = "SELECT COUNT(*) FROM authorizations WHERE finished_at IS NULL";
    assert_eq!(app.database.number(waiting).await, 0);
}

/// The seller follows the link that was ready, and is about to heal the grant.
async fn neither_a_link_nor_time_ends_an_exchange_under_way(app: &TestApp) {
    let failing = Failing::grant(app, &CAFE24).await;
    let Failing { alpha, store, .. } = &failing;
    let callback = app.approve(&alpha.link(store).await).await;
    let ours = "UPDATE stores SET reauthorization_status = 'OFFERED'";
    app.database.execute(ours).await;
    let mut gate = Gate::before(app.sandbox_address).await;
    app.process
        .broker
        .configure_platform_app(&broker::Operator, CAFE24.configuration(gate.address))
        .await
        .unwrap();
    let visit = app.tasks.spawn(app.http.get(&callback).send());
    gate.arrival().await;

    let broker = &app.process.broker;
    let ends_soon = "UPDATE grants SET notice_at = 1";
    app.database.execute(ends_soon).await;
    broker.expiry_step().await.unwrap();
    let event = app.told(alpha, &failing.endpoint, store, None).await;
    assert_eq!(event["type"], "store.auth.expiring");
    assert!(event["data"].get("reauthorize_url").is_none());
    let ends = "UPDATE grants SET expires_at = 1, next_refresh_at = NULL";
    app.database.execute(ends).await;
    assert_eq!(broker.expiry_step().await.unwrap(), Progress::Idle);
    assert_eq!(alpha.status(store).await.0, "SUCCESS");

    gate.let_one_through();
    let shown = Answer::of(visit.await.unwrap().unwrap()).await;
    let location = shown.header("location");
    let event = app.told(alpha, &failing.endpoint, store, location).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    assert_eq!(event["data"]["health"], "HEALTHY");
}

/// The version before ends a grant, and does not know of the attempt beside it.
async fn an_attempt_that_its_store_has_lost_is_ended_once(app: &TestApp) {
    let failing = Failing::grant(app, &SHOPLINE).await;
    failing.alpha.link(&failing.store).await;
    let lost = "UPDATE stores SET auth_status = 'FAILED', \
                auth_fail_reason = 'AUTH_EXPIRED', grant_id = NULL";
    app.database.execute(lost).await;
    app.advance(25 * HOUR);
    let broker = &app.process.broker;
    assert_eq!(broker.deadline_step().await.unwrap(), Progress::Worked);
    assert_eq!(broker.deadline_step().await.unwrap(), Progress::Idle);
    let superseded = "SELECT COUNT(*) FROM authorizations WHERE status = 'SUPERSEDED'";
    assert_eq!(app.database.number(superseded).await, 1);
    assert_eq!(app.receiver.take(), []);
}

/// The platform renews the old grant while the seller authorizes a new one.
async fn a_renewal_under_way_does_not_overwrite_the_new_credential(app: &TestApp) {
    let mut gate = Gate::before(app.sandbox_address).await;
    let configuration = CAFE24.configuration(gate.address);
    app.process
        .broker
        .configure_platform_app(&broker::Operator, configuration)
        .await
        .unwrap();
    let mut alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = alpha.store(&CAFE24, "demo-shop").await;
    let link = past(&gate, app, &alpha.link(&store).await);
    let callback = app.approve(&link).await;
    gate.let_one_through();
    let shown = app.visit(&callback).await;
    gate.arrival().await;
    app.told(&alpha, &endpoint, &store, shown.header("location"))
        .await;

    app.database
        .execute("UPDATE stores SET health = 'REFRESH_FAILING'")
        .await;
    app.advance(HOUR);
    alpha.renew_token().await;
    let other = app.another_process().await;
    let broker = other.broker.clone();
    let renewal = app
        .tasks
        .spawn(async move { broker.refresh_step().await.unwrap() });
    gate.arrival().await;
    let link = past(&gate, app, &alpha.link(&store).await);
    let callback = app.approve(&link).await;
    // The code is exchanged past the renewal that stands before the gate.
    let direct = CAFE24.configuration(app.sandbox_address);
    app.process
        .broker
        .configure_platform_app(&broker::Operator, direct)
        .await
        .unwrap();
    let shown = app.visit(&callback).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    let generation = "SELECT generation FROM grants WHERE status = 'LIVE'";
    assert_eq!(app.database.number(generation).await, 1);
    gate.let_one_through();
    renewal.await.unwrap();
    assert_eq!(app.database.number(generation).await, 1);

    // The credential of before is given up at its origin, which is the gate.
    gate.let_one_through();
    let event = app
        .told(&alpha, &endpoint, &store, shown.header("location"))
        .await;
    assert_eq!(event["type"], "store.auth.succeeded");
    assert_eq!(event["data"]["health"], "HEALTHY");
    app.advance(HOUR);
    alpha.renew_token().await;
    app.settle().await;
    assert_eq!(alpha.query(&store).await["health"], "HEALTHY");
    assert_eq!(app.database.number(generation).await, 2);
    other.stop().await;
}

/// The link as the seller follows it, who stands on the other side of the gate.
fn past(gate: &Gate, app: &TestApp, link: &str) -> String {
    let (near, far) = (gate.address.to_string(), app.sandbox_address.to_string());
    link.replace(&near, &far)
}

async fn of_two_processes_one_ends_the_attempt(app: &TestApp) {
    let mut failing = Failing::grant(app, &SHOPLINE).await;
    failing.alpha.link(&failing.store).await;
    let revision = failing.query().await["revision"].as_i64().unwrap();
    app.advance(25 * HOUR);
    // Both come upon the renewal, the end of the attempt, and what else is due.
    let other = app.another_process().await;
    let (one, two) = (&app.process.broker, &other.broker);
    let steps = tokio::join!(one.deadline_step(), two.deadline_step());
    steps.0.unwrap();
    steps.1.unwrap();
    failing.alpha.renew_token().await;
    let snapshot = failing.query().await;
    assert_eq!(snapshot["reauthorization"], failed("LINK_EXPIRED"));
    assert_eq!(snapshot["revision"], json!(revision + 1));
    other.stop().await;
    app.settle().await;
}

struct Keyed {
    alpha: Institution,
    endpoint: Endpoint,
    store: Store,
}

/// A store that is authorized by this token, and whose health asks for another.
async fn keyed(app: &TestApp, token: &str) -> Keyed {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let client_id = alpha.client("owner of demo-shop").await;
    let url = "https://demo-shop.myshopify.com";
    let store = alpha.create(&client_id, "SHOPIFY", url).await;
    register(app, token);
    let keyed = Keyed {
        alpha,
        endpoint,
        store,
    };
    assert_eq!(keyed.ask(token).await, ok(json!({})));
    keyed.told(app).await;
    // No platform by KEY gives a grant an end.
    app.database
        .execute("UPDATE stores SET health = 'EXPIRING'")
        .await;
    keyed
}

fn register(app: &TestApp, token: &str) {
    let shop = "demo-shop".parse().unwrap();
    let scopes = vec!["read_orders".to_owned()];
    app.sandbox.register_token(shop, token.into(), scopes);
}

impl Keyed {
    async fn ask(&self, token: &str) -> (u16, Value) {
        let fields = json!({"auth_type": "KEY", "auth_info": {"token": token}});
        let fields = self.store.with(fields);
        self.alpha.call("store/auth", &fields).await
    }

    async fn told(&self, app: &TestApp) -> Value {
        app.told(&self.alpha, &self.endpoint, &self.store, None)
            .await
    }
}

async fn a_key_is_replaced_by_a_key(app: &TestApp) {
    let keyed = keyed(app, "shpat_1").await;
    let claims = "SELECT COUNT(*) FROM claims WHERE kind = 'CREDENTIAL'";
    for token in ["shpat_2", "shpat_2"] {
        register(app, token);
        assert_eq!(keyed.ask(token).await, ok(json!({})));
        let waiting = keyed.alpha.query(&keyed.store).await;
        assert_eq!(waiting["reauthorization"], processing());
        assert_eq!(waiting["auth_status"], "SUCCESS");
        let event = keyed.told(app).await;
        assert_eq!(event["type"], "store.auth.succeeded");
        assert_eq!(app.database.number(claims).await, 1);
        app.database
            .execute("UPDATE stores SET health = 'EXPIRING'")
            .await;
    }
    // The key of before is nobody's any more.
    let client_id = keyed.alpha.client("somebody else").await;
    let url = "https://other-shop.myshopify.com";
    let other = keyed.alpha.create(&client_id, "SHOPIFY", url).await;
    let with = |token: &str| {
        let fields = json!({"auth_type": "KEY", "auth_info": {"token": token}});
        other.with(fields)
    };
    let held = refused(900_003, "auth info already authorized");
    assert_eq!(keyed.alpha.call("store/auth", &with("shpat_2")).await, held);
    let free = keyed.alpha.call("store/auth", &with("shpat_1")).await;
    assert_eq!(free, ok(json!({})));
    app.settle().await;
    app.receiver.take();
}

async fn a_key_that_fails_breaks_nothing(app: &TestApp) {
    let keyed = keyed(app, "shpat_1").await;
    assert_eq!(keyed.ask("shpat_unknown").await, ok(json!({})));
    app.settle().await;
    let snapshot = keyed.alpha.query(&keyed.store).await;
    assert_eq!(snapshot["reauthorization"], failed("AUTH_INFO_INVALID"));
    assert_eq!(snapshot["auth_status"], "SUCCESS");
    assert_eq!(app.receiver.take(), []);
    let claims = "SELECT COUNT(*) FROM claims WHERE kind = 'CREDENTIAL'";
    assert_eq!(app.database.number(claims).await, 1);
    let grants = "SELECT COUNT(*) FROM grants WHERE status = 'LIVE'";
    assert_eq!(app.database.number(grants).await, 1);
}
