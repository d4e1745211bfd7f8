//! What cannot be opened holds nobody up: neither its store, nor who wants the shop next.

use super::{HOUR, authorized, claims, configure, given_up, unbind, waiting};
use crate::harness::{GENSTORE, TestApp};

on_both!(
    a_credential_that_does_not_open_is_not_tried_for_ever,
    a_secret_that_does_not_open_is_not_waited_for_for_ever,
    a_revocation_that_cannot_be_read_is_not_kept_for_ever,
    one_that_kills_its_process_is_not_tried_for_ever,
    a_grant_that_does_not_open_can_be_unbound,
);

/// Whatever the spoiled rows do, what the store held is free with the last wait.
async fn freed_without_a_call(app: &TestApp, spoil: &'static str) {
    configure(app).await;
    let alpha = app.institution("Alpha").await;
    let store = authorized(app, &alpha, &GENSTORE).await;
    app.settle().await;
    unbind(&alpha, &store).await;
    app.database.execute(spoil).await;
    for tries in 1..=6 {
        app.settle().await;
        let left = i64::from(tries < 6);
        assert_eq!(
            (claims(app).await, waiting(app).await),
            (left, left),
            "{tries}"
        );
        app.advance(2 * HOUR);
    }
    assert_eq!(given_up(app), [""; 0]);
}

async fn a_credential_that_does_not_open_is_not_tried_for_ever(app: &TestApp) {
    // Sealed for another place.
    let spoil = "UPDATE revocations SET credential = \
                 (SELECT secret FROM platform_apps WHERE platform = 'GENSTORE')";
    freed_without_a_call(app, spoil).await;
}

async fn a_secret_that_does_not_open_is_not_waited_for_for_ever(app: &TestApp) {
    let spoil = "UPDATE platform_apps SET secret = (SELECT credential FROM revocations) \
                 WHERE platform = 'GENSTORE'";
    freed_without_a_call(app, spoil).await;
}

async fn a_revocation_that_cannot_be_read_is_not_kept_for_ever(app: &TestApp) {
    // As a later version may write it.
    freed_without_a_call(app, "UPDATE revocations SET platform = 'ELSEWHERE'").await;
}

async fn one_that_kills_its_process_is_not_tried_for_ever(app: &TestApp) {
    configure(app).await;
    let alpha = app.institution("Alpha").await;
    let store = authorized(app, &alpha, &GENSTORE).await;
    app.settle().await;
    unbind(&alpha, &store).await;
    // As if each lease had lapsed.
    app.database
        .execute("UPDATE revocations SET attempts = 6")
        .await;
    app.settle().await;
    assert_eq!(given_up(app), [""; 0]);
    assert_eq!((claims(app).await, waiting(app).await), (0, 0));
}

async fn a_grant_that_does_not_open_can_be_unbound(app: &TestApp) {
    configure(app).await;
    let alpha = app.institution("Alpha").await;
    let store = authorized(app, &alpha, &GENSTORE).await;
    app.settle().await;
    let spoil = "UPDATE grants SET credential = \
                 (SELECT secret FROM platform_apps WHERE platform = 'GENSTORE')";
    app.database.execute(spoil).await;
    unbind(&alpha, &store).await;
    assert_eq!((claims(app).await, waiting(app).await), (0, 0));
    let store = authorized(app, &alpha, &GENSTORE).await;
    assert_eq!(alpha.status(&store).await.0, "SUCCESS");
    app.settle().await;
}
