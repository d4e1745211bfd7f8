//! Whoever waits for something learns of it without asking again and again.

use domain::{AuthType, FailReason};
use storage::deliveries::{self, NewDelivery, Next};
use storage::sealing::Place;
use storage::{Storage, StorageError, authorizations, endpoints, outbox};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::database::{PATIENCE, TestDatabase};
use crate::world::{
    ALPHA, append, at, attempt, begin, delivery_id, endpoint, endpoint_id, event, event_id, lease,
    link, sealed, settle, settle_stores,
};

on_both! {
    work_and_outcomes_wake_this_process,
    a_commit_without_news_wakes_nobody,
    another_process_is_woken,
}

/// Whether there was news since the last time.
fn was_woken(commits: &mut watch::Receiver<u64>) -> bool {
    let woken = commits.has_changed().expect("the storage lives");
    commits.mark_unchanged();
    woken
}

async fn work_and_outcomes_wake_this_process(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let secret = sealed(Place::EndpointSecret(endpoint_id(1)), "whsec_1");
    storage
        .write(async |tx| endpoints::insert(tx, &endpoint(1, ALPHA), secret).await)
        .await
        .unwrap();
    let mut commits = storage.commits();

    append(&storage, &[event(1, ALPHA)]).await;
    assert!(was_woken(&mut commits), "an event for the relay");
    let pending = attempt(1, AuthType::Url);
    begin(&storage, &pending, link(1)).await;
    assert!(was_woken(&mut commits), "an attempt for the worker of keys");
    let ended = pending.clone().fail(FailReason::UserDenied).unwrap();
    storage
        .write(async |tx| authorizations::finish(tx, &pending.state, &ended, at(1)).await)
        .await
        .unwrap();
    assert!(was_woken(&mut commits), "an outcome for a second callback");
    let delivery = NewDelivery {
        id: delivery_id(1),
        event: event_id(1),
        endpoint: endpoint_id(1),
        institution: ALPHA,
    };
    storage
        .write(async |tx| deliveries::insert_for_worker(tx, &[delivery], at(0)).await)
        .await
        .unwrap();
    assert!(was_woken(&mut commits), "a delivery for its worker");
    storage
        .write(async |tx| {
            deliveries::lease_for_worker(tx, at(0), lease(1), at(60), &[], 1, 1).await?;
            let next = Next::Try { at: at(5) };
            deliveries::count_attempt_for_worker(tx, delivery_id(1), lease(1), next, at(1)).await
        })
        .await
        .unwrap();
    assert!(was_woken(&mut commits), "a place that is free again");
}

async fn a_commit_without_news_wakes_nobody(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let mut commits = storage.commits();
    // What a worker does that finds nothing: if it woke itself, it would never rest.
    storage
        .write(async |tx| {
            outbox::place_for_worker(tx, 10).await?;
            outbox::lease_for_worker(tx, at(0), lease(1), at(60), 10).await?;
            deliveries::insert_for_worker(tx, &[], at(0)).await?;
            deliveries::lease_for_worker(tx, at(0), lease(1), at(60), &[], 1, 10).await
        })
        .await
        .unwrap();
    assert!(!was_woken(&mut commits));
    let failed = storage
        .write(async |tx| {
            outbox::append(tx, &event(1, ALPHA), at(0)).await?;
            Err::<(), _>(StorageError::Unsealable { place: "a test" })
        })
        .await;
    assert!(failed.is_err());
    assert!(!was_woken(&mut commits));
}

async fn wait(commits: &mut watch::Receiver<u64>, what: &str) {
    tokio::time::timeout(PATIENCE, commits.changed())
        .await
        .unwrap_or_else(|_| panic!("nobody was woken by {what}"))
        .expect("the storage lives");
}

async fn another_process_is_woken(database: &TestDatabase) {
    let here: Storage = database.open_migrated().await;
    settle(&here).await;
    let there = database.open().await;
    let mut commits = there.commits();
    let mut watching = JoinSet::new();
    let watcher = there.clone();
    watching.spawn(async move { watcher.watch_other_processes().await });
    wait(&mut commits, "the beginning of the watch").await;
    for number in 0..3 {
        append(&here, &[event(number, ALPHA)]).await;
        wait(&mut commits, "an event").await;
    }
    assert!(watching.try_join_next().is_none(), "the watch goes on");
}
