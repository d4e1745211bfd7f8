//! Calls that bring one session token for a user's token: the platform, which may take it once, is sent it once.

use std::time::Duration;

use broker::{Caller, SessionAccess, SessionStarted, StartSession};
use futures_util::future::join_all;
use sandbox::{Fault, Step};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::{EVERYTHING, TAKEN, entered, exchanges, hold_token, mint, offline, online, script};
use crate::harness::{Endpoint, Institution, Store, TestApp, let_pass, refused};

on_both!(
    of_equal_calls_in_three_processes_one_exchanges,
    those_who_wait_hear_why_there_is_no_token,
    another_session_waits_for_nobody,
    who_lost_the_right_to_exchange_gives_what_the_next_one_got,
    nobody_waits_for_an_exchange_in_a_process_that_ends,
    a_token_outlives_a_database_that_fails_for_a_moment,
    a_failure_is_told_after_a_database_that_failed_for_a_moment,
);

/// A store that is authorized, with a session token of its user.
struct Session {
    alpha: Institution,
    endpoint: Endpoint,
    store: Store,
    token: String,
}

type Call = tokio::task::JoinHandle<(u16, Value)>;

impl Session {
    async fn new(app: &TestApp) -> Self {
        let (alpha, endpoint, store) = entered(app).await;
        let token = mint(app, "demo-shop", &EVERYTHING);
        alpha.data("store/session", &offline(&store, &token)).await;
        app.told(&alpha, &endpoint, &store, None).await;
        Self {
            alpha,
            endpoint,
            store,
            token,
        }
    }

    fn call(&self, app: &TestApp) -> Call {
        let (alpha, fields) = (self.alpha.clone(), online(&self.store, &self.token));
        app.tasks
            .spawn(async move { alpha.call("store/session", &fields).await })
    }
}

fn token_of(answer: &(u16, Value)) -> &str {
    let token = answer.1["data"]["access_token"].as_str();
    token.unwrap_or_else(|| panic!("{answer:?}"))
}

async fn of_equal_calls_in_three_processes_one_exchanges(app: &TestApp) {
    let session = Session::new(app).await;
    let others = [app.another_process().await, app.another_process().await];
    let known = others[0].broker.authenticate(&session.alpha.token).await;
    let institution = known.unwrap().institution;
    let before = exchanges(app);
    let taken = app.database.number(TAKEN).await;
    let held = hold_token(app);
    let here: Vec<Call> = (0..6).map(|_| session.call(app)).collect();
    let elsewhere = (0..6).map(|number| {
        let broker = others[number % 2].broker.clone();
        let caller = Caller {
            institution: institution.clone(),
            nonce: format!("elsewhere {number}"),
            idempotency: None,
        };
        let command = StartSession {
            client_id: session.store.client_id.clone(),
            store_id: session.store.store_id.clone(),
            session_token: session.token.as_str().into(),
            access: SessionAccess::Online,
        };
        app.tasks.spawn(async move {
            let started = broker.start_session(&caller, command, "req_1").await;
            let SessionStarted::Online(access) = started.unwrap() else {
                panic!("no token of the user's own");
            };
            access.token.access_token.expose_secret().to_owned()
        })
    });
    let elsewhere: Vec<_> = elsewhere.collect();
    held.reached().await;
    app.database.reaches(taken + 12, TAKEN).await;
    held.release();
    let elsewhere = join_all(elsewhere).await;
    let first = here.into_iter().next_back().unwrap().await.unwrap();
    for token in elsewhere {
        assert_eq!(token.unwrap(), token_of(&first));
    }
    app.tasks.close();
    app.tasks.wait().await;
    assert_eq!(exchanges(app), before + 1);
    assert_eq!(app.requests("HANDED_OUT").await, 12);
    for (table, rows) in [("online_tokens", 1), ("online_exchanges", 0)] {
        let count = format!("SELECT COUNT(*) FROM {table}");
        assert_eq!(app.database.number(count).await, rows, "{table}");
    }
    for other in others {
        other.stop().await;
    }
}

async fn those_who_wait_hear_why_there_is_no_token(app: &TestApp) {
    let session = Session::new(app).await;
    let before = exchanges(app);
    script(app, Step::Token, Fault::NoAnswer);
    let first = session.call(app);
    let begun = "SELECT COUNT(*) FROM online_exchanges WHERE lease_until > 0";
    app.database.reaches(1, begun).await;
    let fields = online(&session.store, &session.token);
    let second = session.alpha.answer("store/session", &fields).await;
    let message = "session_token was not exchanged: PLATFORM_UNREACHABLE";
    assert_eq!(second.header("retry-after"), Some("5"));
    assert_eq!(second.whole(), refused(900_002, message));
    assert_eq!(first.await.unwrap(), refused(900_002, message));
    assert_eq!(exchanges(app), before + 1);
    // It was the answer to those who waited, and is none to who comes now.
    let third = session.call(app).await.unwrap();
    assert!(app.has_issued(token_of(&third)));
    assert_eq!(exchanges(app), before + 2);
    let left = "SELECT COUNT(*) FROM online_exchanges";
    assert_eq!(app.database.number(left).await, 0);
}

async fn another_session_waits_for_nobody(app: &TestApp) {
    let session = Session::new(app).await;
    let other = mint(app, "demo-shop", &EVERYTHING);
    let held = hold_token(app);
    let first = session.call(app);
    held.reached().await;
    let fields = online(&session.store, &other);
    let asked = session.alpha.call("store/session", &fields).await;
    assert!(!first.is_finished());
    held.release();
    let first = first.await.unwrap();
    assert_ne!(token_of(&asked), token_of(&first));
}

/// Its process stood still for longer than it may, and another goes on in its place.
async fn who_lost_the_right_to_exchange_gives_what_the_next_one_got(app: &TestApp) {
    let session = Session::new(app).await;
    let before = exchanges(app);
    let held = hold_token(app);
    let first = session.call(app);
    held.reached().await;
    let dead = "UPDATE online_exchanges SET lease_id = store_id, lease_until = 0";
    app.database.execute(dead).await;
    let second = session.call(app).await.unwrap();
    assert!(!first.is_finished());
    held.release();
    assert_eq!(first.await.unwrap(), second);
    assert_eq!(exchanges(app), before + 2);
    let kept = "SELECT COUNT(*) FROM online_tokens";
    assert_eq!(app.database.number(kept).await, 1);
}

async fn nobody_waits_for_an_exchange_in_a_process_that_ends(app: &TestApp) {
    let session = Session::new(app).await;
    let held = hold_token(app);
    let first = session.call(app);
    held.reached().await;
    app.process.broker.stop_waiting();
    let second = session.call(app).await.unwrap();
    let message = "session_token was not exchanged: PLATFORM_UNREACHABLE";
    assert_eq!(second, refused(900_002, message));
    assert!(!first.is_finished());
    held.release();
    // What is under way is not left behind.
    assert!(app.has_issued(token_of(&first.await.unwrap())));
    let ids = session.store.ids();
    session.alpha.data("store/unbind", &ids).await;
    app.settle().await;
    let told = app.receiver.take_one().verified(&session.endpoint.secret);
    assert_eq!(told["type"], "store.unbound");
}

/// Renames the table that an answer is saved in, lets the answer come, and puts the table back when it was
/// missed at least once.
async fn save_without(app: &TestApp, session: &Session, table: &str) -> (u16, Value) {
    let held = hold_token(app);
    let call = session.call(app);
    held.reached().await;
    let rename = format!("ALTER TABLE {table} RENAME TO {table}_away");
    app.database.execute(rename).await;
    held.release();
    let_pass(FAILS_FOR).await;
    assert!(!call.is_finished(), "there is nothing to save it in");
    let rename = format!("ALTER TABLE {table}_away RENAME TO {table}");
    app.database.execute(rename).await;
    call.await.unwrap()
}

/// What is saved again is so for three seconds.
const FAILS_FOR: Duration = Duration::from_millis(500);

async fn a_token_outlives_a_database_that_fails_for_a_moment(app: &TestApp) {
    let session = Session::new(app).await;
    let before = exchanges(app);
    let saved = save_without(app, &session, "online_tokens").await;
    assert!(app.has_issued(token_of(&saved)));
    assert_eq!(session.call(app).await.unwrap(), saved);
    assert_eq!(exchanges(app), before + 1);
    let left = "SELECT COUNT(*) FROM online_exchanges";
    assert_eq!(app.database.number(left).await, 0);
}

async fn a_failure_is_told_after_a_database_that_failed_for_a_moment(app: &TestApp) {
    let mut session = Session::new(app).await;
    let before = exchanges(app);
    // It is rightly signed, and of a session of another shop.
    session.token = mint(app, "other-shop", &EVERYTHING);
    let told = save_without(app, &session, "online_exchanges").await;
    let message = "session_token was not exchanged: PLATFORM_REJECTED";
    assert_eq!(told, refused(900_002, message));
    assert_eq!(exchanges(app), before + 1);
}
