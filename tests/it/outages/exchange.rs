//! PostgreSQL goes away while a platform holds the answer to a code that is spent. A claim that cannot be
//! extended ends no exchange, and what it brought is saved when it can be.

use std::time::Duration;

use serde_json::Value;

use crate::harness::{Decision, Gate, SHOPLINE, TestDatabase, let_pass};
use crate::process::{Installation, OwnService};

/// Together longer than a claim holds, than a platform has to answer, and than a query waits for a connection.
const PAST_AN_EXTENSION: Duration = Duration::from_millis(2_500);
const PAST_EVERYTHING: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_ends_before_the_answer_comes_costs_nothing() {
    let told = exchange_during(async |postgresql, platform| {
        postgresql.run(&["postgresql", "start"]).await;
        platform.let_one_through();
    });
    assert_eq!(told.await, "SUCCESS");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_ends_after_the_answer_came_costs_nothing() {
    let told = exchange_during(async |postgresql, platform| {
        platform.let_one_through();
        postgresql.run(&["postgresql", "start"]).await;
    });
    assert_eq!(told.await, "SUCCESS");
}

/// Then nobody may know any more that there was an answer, which is told as such.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_outlasts_the_claim_is_told() {
    let told = exchange_during(async |postgresql, platform| {
        let_pass(PAST_AN_EXTENSION).await;
        platform.let_one_through();
        let_pass(PAST_EVERYTHING).await;
        postgresql.run(&["postgresql", "start"]).await;
    });
    let told = told.await;
    assert!(
        ["SUCCESS", "FAILED INTERRUPTED"].contains(&told.as_str()),
        "{told}"
    );
}

/// What is told of an authorization whose exchange is with the platform when PostgreSQL ends.
async fn exchange_during(outage: impl AsyncFnOnce(&OwnService, &Gate)) -> String {
    let postgresql = OwnService::postgresql().await;
    let database = TestDatabase::on_server(&postgresql.url).await;
    let installation = Installation::on(database, None).await;
    let mut gate = Gate::before(installation.platforms).await;
    installation.configure_at(&SHOPLINE, gate.address).await;
    let serve = installation.serve().await;
    let institution = installation.institution(&serve, "Outage Pay").await;
    let client = institution.client(&serve, "seller").await;
    let url = SHOPLINE.store_url("demo-shop");
    let store = institution.store(&serve, &client, "SHOPLINE", &url).await;
    let link = institution.link(&serve, &store).await;
    // The seller's browser goes past the door.
    let (_, path) = link
        .split_once("/shopline/")
        .expect("an address of the sandbox");
    let link = format!("http://{}/shopline/{path}", installation.platforms);
    let callback = installation.seller.decide(&link, Decision::Approve).await;

    let (_, ()) = tokio::join!(installation.seller.try_open(&serve, &callback), async {
        gate.arrival().await;
        postgresql.run(&["postgresql", "kill"]).await;
        outage(&postgresql, &gate).await;
    });

    let snapshot = institution.query_after(&serve, &store, 0).await;
    let events = institution.events(&serve, 1).await;
    assert_eq!(events.len(), 1, "{events:#?}");
    let event: Value = serde_json::from_str(&events[0]).unwrap();
    for name in ["auth_status", "auth_fail_reason", "sequence"] {
        assert_eq!(event["data"][name], snapshot[name]);
    }
    let again = installation.seller.open(&serve, &callback).await;
    assert_eq!(
        again.header("location"),
        Some(crate::process::redirect_of(&snapshot).as_str())
    );
    serve.stop().await;
    installation.remove().await;
    let text = |name: &str| snapshot[name].as_str().unwrap();
    let told = format!("{} {}", text("auth_status"), text("auth_fail_reason"));
    told.trim_end().to_owned()
}
