//! Credentials that nobody may use any more are given up at their platforms, where that hurts nobody.

mod crash;
mod neighbours;
mod unreadable;

use std::time::Duration;

use broker::Operator;
use sandbox::{Dialect, Fault, Rule, Step};
use serde_json::json;

use crate::harness::{
    Answer, CAFE24, GENSTORE, Gate, Institution, MULTIVENDE, PlatformCase, SHOPLINE, Store,
    TestApp, refused,
};

on_both!(
    an_unbound_store_s_credential_is_given_up,
    what_an_unbound_store_held_is_free_when_the_platform_has_given_it_up,
    a_platform_that_stays_down_is_not_waited_for_for_ever,
    a_platform_that_refuses_is_not_asked_again,
    what_a_superseded_exchange_brought_is_given_up,
    an_app_that_another_attempt_asks_for_stays_installed,
    an_attempt_in_the_way_is_not_waited_for_for_ever,
    a_renewal_that_came_too_late_is_given_up,
    an_exchange_of_before_the_end_brings_nothing,
    of_two_processes_one_gives_up,
);

const HOUR: Duration = Duration::from_hours(1);

async fn authorized(app: &TestApp, alpha: &Institution, case: &PlatformCase) -> Store {
    let store = alpha.store(case, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    assert_eq!(app.visit(&callback).await.status, 303);
    store
}

/// An app that may uninstall itself.
async fn configure(app: &TestApp) {
    configure_at(app, &GENSTORE, &["read_orders", "write_apps"]).await;
}

async fn configure_at(app: &TestApp, case: &PlatformCase, scopes: &[&str]) {
    let mut configuration = case.configuration(app.sandbox_address);
    configuration.scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
    app.process
        .broker
        .configure_platform_app(&Operator, configuration)
        .await
        .unwrap();
}

async fn unbind(alpha: &Institution, store: &Store) {
    alpha.data("store/unbind", &store.ids()).await;
}

/// What the platform made of each call that gives something up.
fn given_up(app: &TestApp) -> Vec<&'static str> {
    let calls = app.sandbox.calls();
    let ends = |path: &str| path.ends_with("/uninstall") || path.ends_with("/revoke");
    let calls = calls.iter().filter(|call| ends(&call.path));
    calls.map(|call| call.outcome).collect()
}

fn script(app: &TestApp, dialect: Dialect, step: Step, fault: Fault, sticky: bool) {
    let rule = Rule {
        dialect,
        shop: None,
        step,
        fault,
        sticky,
    };
    app.sandbox.script(rule).unwrap();
}

async fn claims(app: &TestApp) -> i64 {
    app.database.number("SELECT COUNT(*) FROM claims").await
}

async fn waiting(app: &TestApp) -> i64 {
    let waiting = "SELECT COUNT(*) FROM revocations";
    app.database.number(waiting).await
}

async fn an_unbound_store_s_credential_is_given_up(app: &TestApp) {
    configure(app).await;
    let alpha = app.institution("Alpha").await;
    for (case, outcomes) in [
        (GENSTORE, &["uninstalled"][..]),
        (CAFE24, &["uninstalled", "token revoked"]),
        // Neither says how.
        (SHOPLINE, &["uninstalled", "token revoked"]),
        (MULTIVENDE, &["uninstalled", "token revoked"]),
    ] {
        let store = authorized(app, &alpha, &case).await;
        unbind(&alpha, &store).await;
        app.settle().await;
        assert_eq!(given_up(app), outcomes, "{}", case.code);
        assert_eq!((claims(app).await, waiting(app).await), (0, 0));
        let kept = "SELECT COUNT(*) FROM grants WHERE credential IS NOT NULL";
        assert_eq!(app.database.number(kept).await, 0);
    }
    // A store that was never authorized has nothing to give up.
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    alpha.link(&store).await;
    unbind(&alpha, &store).await;
    app.settle().await;
    assert_eq!(given_up(app).len(), 2);
}

async fn what_an_unbound_store_held_is_free_when_the_platform_has_given_it_up(app: &TestApp) {
    configure(app).await;
    let alpha = app.institution("Alpha").await;
    let store = authorized(app, &alpha, &GENSTORE).await;
    let step = Step::Revoke;
    script(app, Dialect::Genstore, step, Fault::ServerError, false);
    script(app, Dialect::Genstore, step, Fault::OkWithError, false);
    unbind(&alpha, &store).await;
    let other = alpha.store(&GENSTORE, "demo-shop").await;
    let ask = async || {
        let fields = other.with(json!({"auth_type": "URL"}));
        alpha.call("store/auth", &fields).await
    };
    let held = refused(900_003, "seller id already authorized");
    assert_eq!(ask().await, held);
    app.settle().await;
    assert_eq!(given_up(app), ["scripted: server_error"]);
    assert_eq!(ask().await, held);
    app.advance(Duration::from_secs(5));
    app.settle().await;
    assert_eq!(given_up(app).len(), 2);
    app.advance(Duration::from_mins(1));
    app.settle().await;
    assert_eq!(given_up(app).last(), Some(&"uninstalled"));
    assert_eq!(claims(app).await, 0);
    let callback = app.approve(&alpha.link(&other).await).await;
    assert_eq!(app.visit(&callback).await.status, 303);
    assert_eq!(alpha.status(&other).await.0, "SUCCESS");
    app.settle().await;
}

async fn a_platform_that_stays_down_is_not_waited_for_for_ever(app: &TestApp) {
    configure(app).await;
    let alpha = app.institution("Alpha").await;
    let store = authorized(app, &alpha, &GENSTORE).await;
    let (dialect, fault) = (Dialect::Genstore, Fault::ServerError);
    script(app, dialect, Step::Revoke, fault, true);
    unbind(&alpha, &store).await;
    for tries in 1..=6 {
        app.settle().await;
        assert_eq!(given_up(app).len(), tries);
        let left = i64::from(tries < 6);
        assert_eq!((claims(app).await, waiting(app).await), (left, left));
        app.advance(2 * HOUR);
    }
    app.settle().await;
    assert_eq!(given_up(app).len(), 6);
}

/// An app that was never granted what uninstalls it.
async fn a_platform_that_refuses_is_not_asked_again(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = authorized(app, &alpha, &GENSTORE).await;
    unbind(&alpha, &store).await;
    app.settle().await;
    assert_eq!(given_up(app), ["refused: scope"]);
    assert_eq!((claims(app).await, waiting(app).await), (0, 0));
    // One that the platform knows no more has nothing left to lose.
    configure(app).await;
    let store = authorized(app, &alpha, &GENSTORE).await;
    let shop = "demo-shop".parse().unwrap();
    app.sandbox.uninstall(Dialect::Genstore, &shop);
    unbind(&alpha, &store).await;
    app.settle().await;
    assert_eq!(given_up(app)[1..], ["refused: token"]);
    assert_eq!((claims(app).await, waiting(app).await), (0, 0));
}

/// Holds every call to the platform from here on.
async fn gate_before(app: &TestApp, case: &PlatformCase, scopes: &[&str]) -> Gate {
    let gate = Gate::before(app.sandbox_address).await;
    let mut configuration = case.configuration(gate.address);
    configuration.scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
    app.process
        .broker
        .configure_platform_app(&Operator, configuration)
        .await
        .unwrap();
    gate
}

async fn what_a_superseded_exchange_brought_is_given_up(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&CAFE24, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    let mut gate = gate_before(app, &CAFE24, &["mall.read_order"]).await;
    let visit = app.tasks.spawn(app.http.get(&callback).send());
    gate.arrival().await;
    alpha.link(&store).await;
    gate.let_one_through();
    let shown = Answer::of(visit.await.unwrap().unwrap()).await;
    assert_eq!(shown.status, 400);
    // Where it was granted it is given up.
    gate.let_one_through();
    app.settle().await;
    assert_eq!(given_up(app), ["token revoked"]);
    assert_eq!(alpha.status(&store).await.0, "PROCESSING");
    assert_eq!(waiting(app).await, 0);
}

async fn an_app_that_another_attempt_asks_for_stays_installed(app: &TestApp) {
    configure(app).await;
    let scopes = ["read_orders", "write_apps"];
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    let mut gate = gate_before(app, &GENSTORE, &scopes).await;
    let visit = app.tasks.spawn(app.http.get(&callback).send());
    gate.arrival().await;
    let link = alpha.link(&store).await;
    gate.let_one_through();
    assert_eq!(visit.await.unwrap().unwrap().status(), 400);
    app.settle().await;
    // It is looked again whether they still ask for it.
    assert_eq!(given_up(app), [""; 0]);
    assert_eq!(waiting(app).await, 1);
    // With the store unbound, nobody asks for it any more.
    let (near, far) = (gate.address.to_string(), app.sandbox_address.to_string());
    let callback = app.approve(&link.replace(&near, &far)).await;
    // Another door: the connection through the first one is still open.
    let mut gate = gate_before(app, &GENSTORE, &scopes).await;
    let visit = app.tasks.spawn(app.http.get(&callback).send());
    gate.arrival().await;
    unbind(&alpha, &store).await;
    gate.let_one_through();
    assert_eq!(visit.await.unwrap().unwrap().status(), 400);
    gate.let_one_through();
    app.settle().await;
    assert_eq!(given_up(app), ["uninstalled"]);
    assert_eq!((claims(app).await, waiting(app).await), (0, 1));
    app.advance(Duration::from_secs(5));
    app.settle().await;
    assert_eq!(given_up(app)[1..], ["refused: token"]);
    assert_eq!((claims(app).await, waiting(app).await), (0, 0));
}

/// Another institution's seller may come back at any time, and does not.
async fn an_attempt_in_the_way_is_not_waited_for_for_ever(app: &TestApp) {
    configure(app).await;
    let alpha = app.institution("Alpha").await;
    let store = authorized(app, &alpha, &GENSTORE).await;
    let mut beta = app.institution("Beta").await;
    let theirs = beta.store(&GENSTORE, "demo-shop").await;
    let link = beta.link(&theirs).await;
    unbind(&alpha, &store).await;
    for tries in 1..=6 {
        app.settle().await;
        let left = i64::from(tries < 6);
        assert_eq!((claims(app).await, waiting(app).await), (left, left));
        app.advance(2 * HOUR);
    }
    assert_eq!(given_up(app), [""; 0]);
    let callback = app.approve(&link).await;
    assert_eq!(app.visit(&callback).await.status, 303);
    beta.renew_token().await;
    assert_eq!(beta.status(&theirs).await.0, "SUCCESS");
    app.settle().await;
}

/// The platform answers a renewal late, when its store is unbound.
async fn a_renewal_that_came_too_late_is_given_up(app: &TestApp) {
    let mut alpha = app.institution("Alpha").await;
    let store = authorized(app, &alpha, &CAFE24).await;
    app.settle().await;
    let delay = Duration::from_secs(2);
    script(
        app,
        Dialect::Cafe24,
        Step::Token,
        Fault::Slow { delay },
        false,
    );
    app.advance(HOUR);
    alpha.renew_token().await;
    let broker = app.process.broker.clone();
    let renewal = app
        .tasks
        .spawn(async move { broker.refresh_step().await.unwrap() });
    let leased = "SELECT COUNT(*) FROM grants WHERE refresh_lease_until > 0";
    while app.database.number(leased).await == 0 {
        tokio::task::yield_now().await;
    }
    unbind(&alpha, &store).await;
    renewal.await.unwrap();
    app.settle().await;
    assert_eq!(given_up(app), ["token revoked"; 2]);
    assert_eq!((claims(app).await, waiting(app).await), (0, 0));
}

/// A store whose platform is asked through this gate to give its credential up.
async fn authorized_behind(app: &TestApp, alpha: &Institution, gate: &Gate) -> Store {
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    let link = past(gate, app, &alpha.link(&store).await);
    let callback = app.approve(&link).await;
    gate.let_one_through();
    assert_eq!(app.visit(&callback).await.status, 303);
    assert_eq!(alpha.status(&store).await.0, "SUCCESS");
    app.settle().await;
    store
}

/// The link as the seller follows it, who stands on the other side of the gate.
fn past(gate: &Gate, app: &TestApp, link: &str) -> String {
    let (near, far) = (gate.address.to_string(), app.sandbox_address.to_string());
    link.replace(&near, &far)
}

/// A code of another institution's is exchanged while the app is uninstalled: what comes of it may be dead, and
/// the claim that is still held keeps it from being committed.
async fn an_exchange_of_before_the_end_brings_nothing(app: &TestApp) {
    let scopes = ["read_orders", "write_apps"];
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    let mut end = gate_before(app, &GENSTORE, &scopes).await;
    let store = authorized_behind(app, &alpha, &end).await;
    end.arrival().await;
    unbind(&alpha, &store).await;
    // Another process has no connection through the gate yet.
    let other = app.another_process().await;
    let broker = other.broker.clone();
    let step = app
        .tasks
        .spawn(async move { broker.revocation_step().await.unwrap() });
    end.arrival().await;

    // Whoever looked for others has found nobody.
    let mut exchange = gate_before(app, &GENSTORE, &scopes).await;
    let theirs = beta.store(&GENSTORE, "demo-shop").await;
    let link = past(&exchange, app, &beta.link(&theirs).await);
    let callback = app.approve(&link).await;
    let visit = app.tasks.spawn(app.http.get(&callback).send());
    exchange.arrival().await;
    end.let_one_through();
    step.await.unwrap();
    assert_eq!(given_up(app), ["uninstalled"]);
    assert_eq!((claims(app).await, waiting(app).await), (1, 1));

    exchange.let_one_through();
    assert_eq!(visit.await.unwrap().unwrap().status(), 303);
    let failed = ("FAILED".to_owned(), "SELLER_ALREADY_AUTHORIZED".to_owned());
    assert_eq!(beta.status(&theirs).await, failed);
    assert_eq!((claims(app).await, waiting(app).await), (1, 1));
    app.advance(Duration::from_secs(5));
    app.settle().await;
    assert_eq!((claims(app).await, waiting(app).await), (0, 0));
    assert_eq!(given_up(app), ["uninstalled"]);
    other.stop().await;
}

async fn of_two_processes_one_gives_up(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = authorized(app, &alpha, &CAFE24).await;
    app.settle().await;
    unbind(&alpha, &store).await;
    let other = app.another_process().await;
    let (one, two) = (&app.process.broker, &other.broker);
    let steps = tokio::join!(one.revocation_step(), two.revocation_step());
    steps.0.unwrap();
    steps.1.unwrap();
    assert_eq!(given_up(app), ["token revoked"]);
    assert_eq!((claims(app).await, waiting(app).await), (0, 0));
    other.stop().await;
    app.settle().await;
}
