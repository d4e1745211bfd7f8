//! Calls that come while an exchange for the same store is under way.

use std::time::Duration;

use sandbox::{Fault, Step};
use serde_json::Value;

use super::{
    EVERYTHING, authorized, entered, exchanges, failed, last_outcome_of_a_token_call, mint,
    offline, script,
};
use crate::harness::{GENSTORE, Institution, PATIENCE, TestApp, let_pass, refused};

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

/// Long enough for every other call of the test to come in between.
const SLOW: Fault = Fault::Slow {
    delay: Duration::from_secs(2),
};

async fn exchanging(app: &TestApp) {
    let begun = "SELECT COUNT(*) FROM authorizations WHERE status = 'EXCHANGING'";
    let mut waited = Duration::ZERO;
    while app.database.number(begun).await == 0 {
        assert!(waited < PATIENCE);
        let_pass(Duration::from_millis(20)).await;
        waited += Duration::from_millis(20);
    }
}

async fn attempts(app: &TestApp) -> i64 {
    let all = "SELECT COUNT(*) FROM authorizations";
    app.database.number(all).await
}

async fn of_two_calls_at_once_one_exchanges(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    let token = mint(app, "demo-shop", &EVERYTHING);
    script(app, Step::Token, SLOW);
    let calls = [(); 2].map(|()| call(app, &alpha, offline(&store, &token)));
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
    script(app, Step::Token, SLOW);
    let token = mint(app, "demo-shop", &EVERYTHING);
    let first = call(app, &alpha, offline(&store, &token));
    exchanging(app).await;
    // The platform would refuse this one.
    let asked = alpha.call("store/session", &offline(&store, "sid-1")).await;
    assert_eq!((asked, first.await.unwrap()), (authorized(), authorized()));
    assert_eq!((exchanges(app), attempts(app).await), (1, 1));
    app.told(&alpha, &endpoint, &store, None).await;
}

async fn the_outcome_that_is_waited_for_may_be_a_failure(app: &TestApp) {
    let (alpha, endpoint, store) = entered(app).await;
    script(app, Step::Token, SLOW);
    // It is rightly signed, and of a session of another shop.
    let others = mint(app, "other-shop", &EVERYTHING);
    let first = call(app, &alpha, offline(&store, &others));
    exchanging(app).await;
    let token = mint(app, "demo-shop", &EVERYTHING);
    let asked = alpha.call("store/session", &offline(&store, &token)).await;
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
    script(app, Step::Token, SLOW);
    let asked = async {
        exchanging(app).await;
        let token = mint(app, "demo-shop", &EVERYTHING);
        alpha.call("store/session", &offline(&store, &token)).await
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
