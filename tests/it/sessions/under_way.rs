//! Calls that come while an exchange for the same store is under way.

use serde_json::Value;

use super::{
    EVERYTHING, TAKEN, authorized, entered, exchanges, failed, hold_token,
    last_outcome_of_a_token_call, mint, offline,
};
use crate::harness::{GENSTORE, HeldAnswer, Institution, TestApp, refused};

on_both!(
    of_two_calls_at_once_one_exchanges,
    a_call_in_between_gets_the_outcome_whatever_it_brings,
    the_outcome_that_is_waited_for_may_be_a_failure,
    a_callback_under_way_is_not_overtaken,
);

type Call = tokio::task::JoinHandle<(u16, Value)>;

fn call(app: &TestApp, institution: &Institution, fields: Value) -> Call {
    let institution = institution.clone();
    app.tasks
        .spawn(async move { institution.call("store/session", &fields).await })
}

/// The answer to a call that is taken while the platform holds another's back.
async fn call_in_between(
    app: &TestApp,
    institution: &Institution,
    fields: Value,
    held: &HeldAnswer,
) -> (u16, Value) {
    let taken = app.database.number(TAKEN).await;
    let call = call(app, institution, fields);
    // The nonce is kept together with the decision to wait.
    app.database.reaches(taken + 1, TAKEN).await;
    assert!(!call.is_finished());
    held.release();
    call.await.unwrap()
}

async fn attempts(app: &TestApp) -> i64 {
    let all = "SELECT COUNT(*) FROM authorizations";
    app.database.number(all).await
}

async fn of_two_calls_at_once_one_exchanges(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let token = mint(app, "demo-shop", &EVERYTHING);
    let before = app.database.number(TAKEN).await;
    let held = hold_token(app);
    let calls = [(); 2].map(|()| call(app, &alpha, offline(&store, &token)));
    held.reached().await;
    app.database.reaches(before + 2, TAKEN).await;
    held.release();
    for call in calls {
        assert_eq!(call.await.unwrap(), authorized());
    }
    assert_eq!((exchanges(app), attempts(app).await), (1, 1));
    let told = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(told["data"]["sequence"], 1);
    let again = alpha.call("store/session", &offline(&store, &token)).await;
    assert_eq!(again, refused(900_004, "repeat authorized"));
}

async fn a_call_in_between_gets_the_outcome_whatever_it_brings(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let held = hold_token(app);
    let token = mint(app, "demo-shop", &EVERYTHING);
    let first = call(app, &alpha, offline(&store, &token));
    held.reached().await;
    // The platform would refuse this one.
    let asked = call_in_between(app, &alpha, offline(&store, "sid-1"), &held).await;
    assert_eq!((asked, first.await.unwrap()), (authorized(), authorized()));
    assert_eq!((exchanges(app), attempts(app).await), (1, 1));
    app.told(&alpha, &endpoint, &store, None).await;
}

async fn the_outcome_that_is_waited_for_may_be_a_failure(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let held = hold_token(app);
    // It is rightly signed, and of a session of another shop.
    let others = mint(app, "other-shop", &EVERYTHING);
    let first = call(app, &alpha, offline(&store, &others));
    held.reached().await;
    let token = mint(app, "demo-shop", &EVERYTHING);
    let asked = call_in_between(app, &alpha, offline(&store, &token), &held).await;
    let rejected = failed("PLATFORM_REJECTED");
    assert_eq!((&asked, &first.await.unwrap()), (&rejected, &rejected));
    assert_eq!(exchanges(app), 1);
    app.told(&alpha, &endpoint, &store, None).await;
    let asked = alpha.call("store/session", &offline(&store, &token)).await;
    assert_eq!(asked, authorized());
    app.told(&alpha, &endpoint, &store, None).await;
}

async fn a_callback_under_way_is_not_overtaken(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let callback = app.approve(&alpha.link(&store).await).await;
    let held = hold_token(app);
    let asked = async {
        held.reached().await;
        let token = mint(app, "demo-shop", &EVERYTHING);
        call_in_between(app, &alpha, offline(&store, &token), &held).await
    };
    let (shown, asked) = tokio::join!(app.visit(&callback), asked);
    assert_eq!(asked, authorized());
    assert_eq!(last_outcome_of_a_token_call(app), "token granted");
    let redirect = shown.header("location");
    let told = app.told(&alpha, &endpoint, &store, redirect).await;
    let identity = GENSTORE.identity("demo-shop");
    assert_eq!(told["data"]["shop_identity"], identity);
    assert_eq!((exchanges(app), attempts(app).await), (1, 1));
}
