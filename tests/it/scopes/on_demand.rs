//! An institution asks what a grant may do, and the platform is asked once for all who want to know.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use broker::{Caller, ReadStoreScopes};
use sandbox::{Dialect, Fault, Rule, Step};
use serde_json::{Value, json};

use super::{DAY, Shop, change, readings, scope, tell};
use crate::harness::{GENSTORE, HeldAnswer, SHOPLINE, TestApp, let_pass, ok, refused};

on_both!(
    a_call_reads_what_nobody_hinted_at,
    a_call_that_finds_nothing_new_tells_nothing,
    calls_and_the_worker_make_one_request,
    a_call_joins_the_worker,
    a_hint_in_between_is_not_lost,
    what_was_cut_off_is_read_by_who_waits,
    nobody_waits_for_a_version_of_before,
    an_error_holds_up_nobody,
    a_call_that_is_dropped_holds_up_nobody,
    nobody_waits_for_a_reading_in_a_process_that_ends,
    a_platform_that_gives_no_answer_is_told,
    a_grant_that_may_not_ask_is_told,
    a_platform_that_cannot_be_asked_is_told,
    a_store_without_a_grant_is_told,
    a_dead_grant_is_ended_by_the_call,
    a_nonce_counts_once,
);

const UNAVAILABLE: &str = "the scopes of store_id could not be read yet";

fn script(app: &TestApp, fault: Fault) {
    let rule = Rule {
        dialect: Dialect::Genstore,
        shop: None,
        step: Step::Probe,
        fault,
        sticky: false,
    };
    app.sandbox.script(rule).unwrap();
}

impl Shop {
    async fn scopes(&self) -> (u16, Value) {
        self.alpha.call("store/scopes", &self.store.ids()).await
    }

    fn spawn_call(&self, app: &TestApp) -> tokio::task::JoinHandle<(u16, Value)> {
        let (alpha, fields) = (self.alpha.clone(), self.store.ids());
        app.tasks
            .spawn(async move { alpha.call("store/scopes", &fields).await })
    }
}

fn hold(app: &TestApp) -> HeldAnswer {
    HeldAnswer::of(&app.sandbox, Dialect::Genstore, Step::Probe)
}

/// How many signed calls have been taken: the nonce of one is kept as it begins.
const TAKEN: &str = "SELECT COUNT(*) FROM nonces";
/// For calls that have been taken to look once at what is under way.
const TO_LOOK: Duration = Duration::from_secs(1);

async fn a_call_reads_what_nobody_hinted_at(app: &TestApp) {
    let shop = Shop::genstore(app).await;
    change(app, &["write_apps"]);
    let (status, answer) = shop.scopes().await;
    let data = &answer["data"];
    assert_eq!((status, &answer["code"]), (200, &json!(200)));
    assert_eq!(data["health"], "SCOPES_MISSING");
    assert_eq!(
        data["scopes"],
        json!([
            scope("read_orders", "none", true),
            scope("write_apps", "all", true)
        ])
    );
    assert_eq!(*data, shop.query().await);
    // It is told as if the worker had read it.
    shop.told_missing(app).await;
    assert_eq!(readings(app), ["scopes told"]);
}

async fn a_call_that_finds_nothing_new_tells_nothing(app: &TestApp) {
    let mut shop = Shop::genstore(app).await;
    let before = shop.query().await;
    for times in 1..=2 {
        assert_eq!(shop.scopes().await, ok(before.clone()));
        assert_eq!(readings(app).len(), times);
    }
    app.settle().await;
    assert_eq!(app.receiver.take(), []);
    // The worker's next reading is a day after the last one, whoever that was of.
    app.advance(DAY / 2);
    shop.alpha.renew_token().await;
    shop.scopes().await;
    app.advance(DAY / 2);
    app.settle().await;
    assert_eq!(readings(app).len(), 3);
    app.advance(DAY / 2);
    app.settle().await;
    assert_eq!(readings(app).len(), 4);
}

async fn calls_and_the_worker_make_one_request(app: &TestApp) {
    let shop = Shop::genstore(app).await;
    change(app, &["write_apps"]);
    let other = app.another_process().await;
    let known = other.broker.authenticate(&shop.alpha.token).await.unwrap();
    let held = hold(app);
    let first = shop.spawn_call(app);
    held.reached().await;
    let taken = app.database.number(TAKEN).await;
    let others: Vec<_> = (0..8).map(|_| shop.spawn_call(app)).collect();
    let caller = Caller {
        institution: known.institution.clone(),
        nonce: "of another process".to_owned(),
        idempotency: None,
    };
    let command = ReadStoreScopes {
        client_id: shop.store.client_id.clone(),
        store_id: shop.store.store_id.clone(),
    };
    let (elsewhere, ()) = tokio::join!(other.broker.read_store_scopes(&caller, command), async {
        other.broker.scope_step().await.unwrap();
        app.database.reaches(taken + 9, TAKEN).await;
        let_pass(TO_LOOK).await;
        held.release();
    });
    let answer = first.await.unwrap();
    assert_eq!(answer.1["data"]["health"], "SCOPES_MISSING");
    for other in others {
        assert_eq!(other.await.unwrap(), answer);
    }
    assert_eq!(json!(elsewhere.unwrap()), answer.1["data"]);
    assert_eq!(readings(app), ["scopes told"]);
    shop.told_missing(app).await;
    other.stop().await;
}

async fn a_call_joins_the_worker(app: &TestApp) {
    let mut shop = Shop::genstore(app).await;
    change(app, &["write_apps"]);
    app.advance(DAY);
    shop.alpha.renew_token().await;
    let held = hold(app);
    let broker = app.process.broker.clone();
    let worker = app.tasks.spawn(async move { broker.scope_step().await });
    held.reached().await;
    let taken = app.database.number(TAKEN).await;
    let call = shop.spawn_call(app);
    app.database.reaches(taken + 1, TAKEN).await;
    let_pass(TO_LOOK).await;
    held.release();
    let (_, answer) = call.await.unwrap();
    assert_eq!(answer["data"]["health"], "SCOPES_MISSING");
    worker.await.unwrap().unwrap();
    assert_eq!(readings(app), ["scopes told"]);
    shop.told_missing(app).await;
}

/// What the call reads is of before the change that the hint is about.
async fn a_hint_in_between_is_not_lost(app: &TestApp) {
    let shop = Shop::genstore(app).await;
    let held = hold(app);
    let call = shop.spawn_call(app);
    held.reached().await;
    tell(app, &change(app, &["write_apps"])).await;
    shop.told_missing(app).await;
    held.release();
    let (_, answer) = call.await.unwrap();
    assert_eq!(answer["data"]["health"], "SCOPES_MISSING");
    assert_eq!(readings(app).len(), 2);
    assert_eq!(shop.query().await["health"], "SCOPES_MISSING");
}

/// Somebody took the turn for a minute and does not come back.
const DEAD: &str = "UPDATE grants SET scopes_fence = 1, scopes_lease_fence = 1, \
                    scopes_lease_until = created_at + 60000, scopes_due_at = created_at + 60000";

async fn what_was_cut_off_is_read_by_who_waits(app: &TestApp) {
    let shop = Shop::genstore(app).await;
    app.database.execute(DEAD).await;
    let taken = app.database.number(TAKEN).await;
    let call = shop.spawn_call(app);
    app.database.reaches(taken + 1, TAKEN).await;
    assert!(!call.is_finished());
    assert_eq!(readings(app).len(), 0);
    app.advance(Duration::from_mins(1));
    assert_eq!(call.await.unwrap(), ok(shop.query().await));
    assert_eq!(readings(app).len(), 1);
}

/// It raised the number after a reading of this version was cut off, and leaves no outcome.
async fn nobody_waits_for_a_version_of_before(app: &TestApp) {
    let shop = Shop::genstore(app).await;
    app.database.execute(DEAD).await;
    let overtaken = "UPDATE grants SET scopes_fence = 2";
    app.database.execute(overtaken).await;
    assert_eq!(shop.scopes().await, ok(shop.query().await));
    assert_eq!(readings(app).len(), 1);
}

async fn an_error_holds_up_nobody(app: &TestApp) {
    let shop = Shop::genstore(app).await;
    change(app, &["write_apps"]);
    // What is told of the change cannot be saved.
    let rename = "ALTER TABLE outbox RENAME TO outbox_away";
    app.database.execute(rename).await;
    let (status, _) = shop.scopes().await;
    assert_eq!(status, 500);
    let rename = "ALTER TABLE outbox_away RENAME TO outbox";
    app.database.execute(rename).await;
    let (_, answer) = shop.scopes().await;
    assert_eq!(answer["data"]["health"], "SCOPES_MISSING");
    assert_eq!(readings(app).len(), 2);
    shop.told_missing(app).await;
}

/// Whoever calls may go away at any moment; here it is at the first ones in turn, through the lease.
async fn a_call_that_is_dropped_holds_up_nobody(app: &TestApp) {
    let shop = Shop::genstore(app).await;
    let broker = &app.process.broker;
    let known = broker.authenticate(&shop.alpha.token).await.unwrap();
    let call = async |nonce: String| {
        let caller = Caller {
            institution: known.institution.clone(),
            nonce,
            idempotency: None,
        };
        let command = ReadStoreScopes {
            client_id: shop.store.client_id.clone(),
            store_id: shop.store.store_id.clone(),
        };
        broker.read_store_scopes(&caller, command).await
    };
    for moments in 1..=8 {
        let mut dropped = Box::pin(call(format!("dropped {moments}")));
        let mut polled = 0;
        let is_over = poll_fn(|context| {
            polled += 1;
            match dropped.as_mut().poll(context) {
                Poll::Ready(_) => Poll::Ready(true),
                Poll::Pending if polled == moments => Poll::Ready(false),
                Poll::Pending => Poll::Pending,
            }
        });
        // Where the database answers at once there are fewer.
        if is_over.await {
            assert!(moments > 1, "it never waits");
            break;
        }
        drop(dropped);
        call(format!("after {moments}")).await.unwrap();
    }
}

async fn nobody_waits_for_a_reading_in_a_process_that_ends(app: &TestApp) {
    let shop = Shop::genstore(app).await;
    app.database.execute(DEAD).await;
    app.process.broker.stop_waiting();
    // Half of what a call waits otherwise.
    let answer = tokio::time::timeout(Duration::from_secs(6), shop.scopes()).await;
    assert_eq!(answer.expect("its answer"), refused(900_002, UNAVAILABLE));
    assert_eq!(readings(app).len(), 0);
}

async fn a_platform_that_gives_no_answer_is_told(app: &TestApp) {
    let shop = Shop::genstore(app).await;
    let before = shop.query().await;
    change(app, &["write_apps"]);
    for fault in [
        Fault::ServerError,
        Fault::TooManyRequests,
        Fault::Garbage,
        Fault::OkWithError,
    ] {
        script(app, fault);
        let answer = shop.alpha.answer("store/scopes", &shop.store.ids()).await;
        assert_eq!(answer.header("retry-after"), Some("5"));
        assert_eq!(answer.whole(), refused(900_002, UNAVAILABLE));
        assert_eq!(shop.query().await, before);
    }
    assert_eq!(readings(app).len(), 4);
    let (_, answer) = shop.scopes().await;
    assert_eq!(answer["data"]["health"], "SCOPES_MISSING");
    shop.told_missing(app).await;
}

async fn a_grant_that_may_not_ask_is_told(app: &TestApp) {
    let shop = Shop::open(app, &GENSTORE, &["read_orders"]).await;
    let before = shop.query().await;
    change(app, &["read_products"]);
    let message = "store_id has a grant that may not ask for its scopes; \
                   it would take one of write_apps, read_apps";
    assert_eq!(shop.scopes().await, refused(900_002, message));
    assert_eq!(shop.query().await, before, "what is known stays");
    assert_eq!(readings(app), ["refused: scope"]);
}

async fn a_platform_that_cannot_be_asked_is_told(app: &TestApp) {
    let shop = Shop::open(app, &SHOPLINE, &["read_orders"]).await;
    let before = shop.query().await;
    let calls = app.sandbox.calls().len();
    let message = "store_id is of SHOPLINE, which cannot be asked for scopes";
    assert_eq!(shop.scopes().await, refused(900_002, message));
    assert_eq!(shop.query().await, before);
    assert_eq!(app.sandbox.calls().len(), calls);
}

async fn a_store_without_a_grant_is_told(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    for status in ["UNAUTHORIZED", "PROCESSING"] {
        let message = format!("store_id is not authorized: it is {status}");
        let asked = alpha.call("store/scopes", &store.ids()).await;
        assert_eq!(asked, refused(900_002, &message));
        alpha.link(&store).await;
    }
    let mut mixed = store.ids();
    mixed["client_id"] = alpha.client("another").await.into();
    let unknown = refused(940_002, "store not exist");
    assert_eq!(alpha.call("store/scopes", &mixed).await, unknown);
    alpha.data("store/unbind", &store.ids()).await;
    assert_eq!(alpha.call("store/scopes", &store.ids()).await, unknown);
    assert_eq!(readings(app).len(), 0);
}

async fn a_dead_grant_is_ended_by_the_call(app: &TestApp) {
    let shop = Shop::genstore(app).await;
    let label = "demo-shop".parse().unwrap();
    app.sandbox.uninstall(Dialect::Genstore, &label);
    let (_, answer) = shop.scopes().await;
    let data = &answer["data"];
    assert_eq!(
        (&data["auth_status"], &data["auth_fail_reason"]),
        (&json!("FAILED"), &json!("AUTH_REVOKED"))
    );
    assert_eq!(*data, shop.query().await);
    let event = shop.told(app).await;
    assert_eq!(event["type"], "store.auth.revoked");
    let message = "store_id is not authorized: it is FAILED with AUTH_REVOKED";
    assert_eq!(shop.scopes().await, refused(900_002, message));
    assert_eq!(readings(app).len(), 1);
}

async fn a_nonce_counts_once(app: &TestApp) {
    let shop = Shop::genstore(app).await;
    let body = shop.store.ids().to_string();
    let signing = shop.alpha.signing("store/scopes", body);
    assert_eq!(shop.alpha.send(&signing).await.status, 200);
    let again = shop.alpha.send(&signing).await;
    assert_eq!(again.whole(), refused(401, "nonce already used"));
    assert_eq!(readings(app).len(), 1);
    // A key may be sent, and means nothing: each call reads.
    let fields = shop.store.ids();
    for _ in 0..2 {
        let answer = shop.alpha.answer_once("store/scopes", &fields, "same");
        answer.await.data();
    }
    assert_eq!(readings(app).len(), 3);
}
