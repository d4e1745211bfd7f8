//! The status of a store: what each call and each outcome makes of it.

use broker::{ConfigurePlatformApp, Operator};
use domain::Platform;
use sandbox::{Dialect, Fault, Rule, Step};
use serde_json::{Value, json};

use crate::harness::{Answer, Gate, Institution, SHOPLINE, Store, TestApp, ok, refused};

on_both!(
    a_second_auth_takes_the_place_of_the_first,
    an_exchange_that_was_superseded_commits_nothing,
    a_key_that_was_superseded_is_proven_no_more,
    a_proof_that_was_superseded_commits_nothing,
    unbind_ends_everything,
    unbind_ends_an_exchange_under_way,
    a_bound_store_keeps_its_host,
);

const UNBOUND: (u32, &str) = (940_002, "store not exist");

async fn a_second_auth_takes_the_place_of_the_first(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let first = app.approve(&alpha.link(&store).await).await;
    let second = app.approve(&alpha.link(&store).await).await;
    assert_eq!(app.visit(&first).await.status, 400);
    let snapshot = alpha.query(&store).await;
    assert_eq!(snapshot["auth_status"], "PROCESSING");
    assert_eq!(
        (&snapshot["sequence"], &snapshot["revision"]),
        (&json!(0), &json!(3))
    );

    let shown = app.visit(&second).await;
    let event = app
        .told(&alpha, &endpoint, &store, shown.header("location"))
        .await;
    assert_eq!(
        (&event["type"], &event["data"]["sequence"]),
        (&json!("store.auth.succeeded"), &json!(1))
    );
    assert_eq!(app.visit(&first).await.status, 400);
}

/// Holds every call to SHOPLINE from here on.
async fn gate_before_shopline(app: &TestApp) -> Gate {
    let gate = Gate::before(app.sandbox_address).await;
    let configuration = SHOPLINE.configuration(gate.address);
    app.process
        .broker
        .configure_platform_app(&Operator, configuration)
        .await
        .unwrap();
    gate
}

async fn an_exchange_that_was_superseded_commits_nothing(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let (first, state) = {
        let auth_url = alpha.link(&store).await;
        (app.approve(&auth_url).await, SHOPLINE.state_of(&auth_url))
    };
    let mut gate = gate_before_shopline(app).await;
    let visit = app.tasks.spawn(app.http.get(&first).send());
    gate.arrival().await;
    let second = alpha.link(&store).await;
    assert_ne!(SHOPLINE.state_of(&second), state);
    gate.let_one_through();

    // The platform granted a token, and nobody has it.
    let shown = Answer::of(visit.await.unwrap().unwrap()).await;
    assert_eq!(shown.status, 400);
    let calls = app.sandbox.calls();
    assert_eq!(calls.last().unwrap().outcome, "token created");
    app.settle().await;
    assert_eq!(app.receiver.take(), []);
    assert_eq!(
        alpha.status(&store).await,
        ("PROCESSING".to_owned(), String::new())
    );

    // No claim was left behind either: the second attempt gets the shop.
    let configuration = SHOPLINE.configuration(app.sandbox_address);
    app.process
        .broker
        .configure_platform_app(&Operator, configuration)
        .await
        .unwrap();
    // Its link still names the gate, where the seller stands now.
    let second = second.replace(&gate.address.to_string(), &app.sandbox_address.to_string());
    let shown = app.visit(&app.approve(&second).await).await;
    let event = app
        .told(&alpha, &endpoint, &store, shown.header("location"))
        .await;
    assert_eq!(event["type"], "store.auth.succeeded");
}

async fn a_key_that_was_superseded_is_proven_no_more(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let client_id = alpha.client("seller").await;
    let store = alpha
        .create(&client_id, "SHOPIFY", "https://demo-shop.myshopify.com")
        .await;
    let shop = "demo-shop".parse().unwrap();
    app.sandbox
        .register_token(shop, "good".into(), vec!["read_orders".to_owned()]);
    let ask = async |token: &str| {
        let fields = store.with(json!({"auth_type": "KEY", "auth_info": {"token": token}}));
        assert_eq!(alpha.call("store/auth", &fields).await, ok(json!({})));
    };
    let (dialect, step, fault) = (Dialect::Shopify, Step::Probe, Fault::ServerError);
    app.sandbox
        .script(Rule {
            dialect,
            shop: None,
            step,
            fault,
            sticky: false,
        })
        .unwrap();
    ask("bad").await;
    app.settle().await;
    ask("good").await;
    app.settle().await;
    assert_eq!(
        alpha.status(&store).await,
        ("SUCCESS".to_owned(), String::new())
    );
    // The bad one would be due again by now, and would fail.
    app.advance(std::time::Duration::from_secs(2));
    app.settle().await;
    assert_eq!(
        alpha.status(&store).await,
        ("SUCCESS".to_owned(), String::new())
    );
    let outcomes: Vec<_> = app
        .sandbox
        .calls()
        .iter()
        .map(|call| call.outcome)
        .collect();
    assert_eq!(
        outcomes,
        ["scripted: server_error", "shop told", "scopes told"]
    );
}

async fn a_proof_that_was_superseded_commits_nothing(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let client_id = alpha.client("seller").await;
    let store = alpha
        .create(&client_id, "SHOPIFY", "https://demo-shop.myshopify.com")
        .await;
    for token in ["first", "second"] {
        let shop = "demo-shop".parse().unwrap();
        app.sandbox
            .register_token(shop, token.into(), vec!["read_orders".to_owned()]);
    }
    let ask = async |token: &str| {
        let fields = store.with(json!({"auth_type": "KEY", "auth_info": {"token": token}}));
        assert_eq!(alpha.call("store/auth", &fields).await, ok(json!({})));
    };
    let mut gate = Gate::before(app.sandbox_address).await;
    let shopify = ConfigurePlatformApp {
        platform: Platform::Shopify,
        client_id: String::new(),
        secret: None,
        scopes: Vec::new(),
        institution: None,
        host: Some(format!("http://{}/shopify/{{shop}}", gate.address)),
        event_key: None,
        operator_scopes: None,
    };
    app.process
        .broker
        .configure_platform_app(&Operator, shopify)
        .await
        .unwrap();
    ask("first").await;
    let broker = app.process.broker.clone();
    let proving = app
        .tasks
        .spawn(async move { broker.key_proof_step().await.unwrap() });
    gate.arrival().await;
    ask("second").await;
    gate.let_one_through();
    proving.await.unwrap();
    // What was proven is of no attempt any more.
    let status = || ("PROCESSING".to_owned(), String::new());
    assert_eq!(alpha.status(&store).await, status());
    assert_eq!(alpha.query(&store).await["sequence"], 0);
    gate.let_one_through();
    app.settle().await;
    assert_eq!(
        alpha.status(&store).await,
        ("SUCCESS".to_owned(), String::new())
    );
}

/// Every call that names the store answers as if it had never been.
async fn assert_gone(institution: &Institution, store: &Store) {
    let gone = refused(UNBOUND.0, UNBOUND.1);
    let auth = store.with(json!({"auth_type": "URL"}));
    let update = store.with(json!({"name": "Renamed"}));
    for (call, fields) in [
        ("store/query", store.ids()),
        ("store/unbind", store.ids()),
        ("store/auth", auth),
        ("store/update", update),
    ] {
        assert_eq!(institution.call(call, &fields).await, gone, "{call}");
    }
    let listed = institution.data("store/list", &json!({})).await;
    assert_eq!(listed, json!({"stores": [], "next_cursor": null}));
}

async fn unbind_ends_everything(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    for status in ["UNAUTHORIZED", "PROCESSING", "FAILED", "SUCCESS"] {
        let store = alpha.store(&SHOPLINE, "demo-shop").await;
        let mut callback = None;
        if status != "UNAUTHORIZED" {
            let auth_url = alpha.link(&store).await;
            if status == "FAILED" {
                let (dialect, step, fault) = (Dialect::Shopline, Step::Consent, Fault::Deny);
                app.sandbox
                    .script(Rule {
                        dialect,
                        shop: None,
                        step,
                        fault,
                        sticky: false,
                    })
                    .unwrap();
            }
            callback = Some(app.approve(&auth_url).await);
        }
        if status == "FAILED" || status == "SUCCESS" {
            app.visit(callback.as_deref().unwrap()).await;
        }
        app.settle().await;
        app.receiver.take();
        let before = alpha.query(&store).await;
        assert_eq!(before["auth_status"], status);

        assert_eq!(
            alpha.call("store/unbind", &store.ids()).await,
            ok(json!(null))
        );
        assert_gone(&alpha, &store).await;
        if let Some(callback) = &callback {
            assert_eq!(app.visit(callback).await.status, 400);
        }
        app.settle().await;
        let event = app.receiver.take_one().verified(&endpoint.secret);
        assert_eq!(event, unbound_event(&before, &event));
    }
    // The shop is free: a store of another institution gets it.
    let beta = app.institution("Beta").await;
    let store = beta.store(&SHOPLINE, "demo-shop").await;
    app.visit(&app.approve(&beta.link(&store).await).await)
        .await;
    assert_eq!(
        beta.status(&store).await,
        ("SUCCESS".to_owned(), String::new())
    );
}

/// The last event of a store, from its last snapshot.
fn unbound_event(before: &Value, event: &Value) -> Value {
    let mut data = before.clone();
    let fields = data.as_object_mut().unwrap();
    for name in [
        "shop_identity",
        "scopes",
        "authorized_at",
        "expires_at",
        "health",
    ] {
        fields.remove(name);
    }
    data["auth_status"] = "UNAUTHORIZED".into();
    data["auth_fail_reason"] = "".into();
    for count in ["sequence", "revision"] {
        data[count] = (before[count].as_i64().unwrap() + 1).into();
    }
    data["fail"] = Value::Null;
    data["finished"] = 1_795_284_000_000_i64.into();
    json!({
        "id": event["id"],
        "type": "store.unbound",
        "timestamp": "2026-11-21T18:00:00.000Z",
        "data": data,
    })
}

async fn unbind_ends_an_exchange_under_way(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    let mut gate = gate_before_shopline(app).await;
    let visit = app.tasks.spawn(app.http.get(&callback).send());
    gate.arrival().await;
    alpha.data("store/unbind", &store.ids()).await;
    gate.let_one_through();
    let shown = Answer::of(visit.await.unwrap().unwrap()).await;
    assert_eq!(shown.status, 400);
    assert_gone(&alpha, &store).await;
    let events = alpha.data("event/list", &json!({})).await;
    app.settle().await;
    let settled = alpha.data("event/list", &json!({})).await;
    assert_eq!(events["events"], json!([]));
    assert_eq!(settled["events"].as_array().unwrap().len(), 1);
    assert_eq!(settled["events"][0]["type"], "store.unbound");
}

async fn a_bound_store_keeps_its_host(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let move_to = async |host: &str| {
        let store_url = format!("https://{host}.myshopline.com/");
        alpha
            .call("store/update", &store.with(json!({"store_url": store_url})))
            .await
    };
    let updated = ok(json!({"store_id": store.store_id}));
    let must_stay = |status: &str| {
        refused(
            900_002,
            &format!("store_url must keep its host while auth_status is {status}"),
        )
    };
    assert_eq!(move_to("another").await, updated);
    assert_eq!(move_to("demo-shop").await, updated);

    let callback = app.approve(&alpha.link(&store).await).await;
    assert_eq!(move_to("another").await, must_stay("PROCESSING"));
    assert_eq!(move_to("demo-shop").await, updated);
    app.visit(&callback).await;
    assert_eq!(move_to("another").await, must_stay("SUCCESS"));
    assert_eq!(move_to("demo-shop").await, updated);

    let failed = alpha.store(&SHOPLINE, "failing").await;
    let auth_url = alpha.link(&failed).await;
    app.visit(&app.decide(&auth_url, crate::harness::Decision::Deny).await)
        .await;
    let fields = failed.with(json!({"store_url": "https://another.myshopline.com"}));
    let updated = ok(json!({"store_id": failed.store_id}));
    assert_eq!(alpha.call("store/update", &fields).await, updated);
}

/// Where each institution may have its own store for a shop.
mod unique_by_institution {
    use broker::Uniqueness;

    use super::*;
    use crate::harness::Setup;

    on_both!(with by_institution: a_shop_is_one_store_s_of_each_institution);

    fn by_institution() -> Setup {
        Setup {
            change_options: |options| options.uniqueness = Uniqueness::Institution,
            ..Setup::default()
        }
    }

    async fn a_shop_is_one_store_s_of_each_institution(app: &TestApp) {
        let mut attempts = Vec::new();
        for name in ["Alpha", "Beta"] {
            let institution = app.institution(name).await;
            for _ in 0..2 {
                let store = institution.store(&SHOPLINE, "demo-shop").await;
                let callback = app.approve(&institution.link(&store).await).await;
                attempts.push((institution.clone(), store, callback));
            }
        }
        let mut statuses = Vec::new();
        for (institution, store, callback) in &attempts {
            app.visit(callback).await;
            statuses.push(institution.status(store).await);
        }
        let won = ("SUCCESS".to_owned(), String::new());
        let lost = ("FAILED".to_owned(), "SELLER_ALREADY_AUTHORIZED".to_owned());
        assert_eq!(statuses, [won.clone(), lost.clone(), won, lost]);
    }
}
