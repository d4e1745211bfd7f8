//! Whoever waits for something learns of it without asking again and again.

use domain::{AuthType, FailReason};
use storage::deliveries::{self, NewDelivery};
use storage::sealing::Place;
use storage::{News, Storage, StorageError, authorizations, endpoints, outbox};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::database::{PATIENCE, TestDatabase};
use crate::world::{
    ALPHA, append, at, attempt, begin, delivery_id, endpoint, endpoint_id, event, event_id, key,
    lease, link, place, place_in, sealed, settle, settle_stores,
};

on_both! {
    work_and_outcomes_wake_who_waits_for_them,
    a_commit_without_news_wakes_nobody,
    another_process_is_woken,
}

/// Listens to every kind of news.
struct Listener(Vec<(News, watch::Receiver<u64>)>);

impl Listener {
    fn of(storage: &Storage) -> Self {
        let kinds = [
            News::Events,
            News::Feed,
            News::Deliveries,
            News::Keys,
            News::Outcomes,
            News::Configuration,
        ];
        Self(kinds.map(|news| (news, storage.commits(news))).to_vec())
    }

    /// The kinds of which there was news since the last time.
    fn heard(&mut self) -> Vec<News> {
        let mut heard = Vec::new();
        for (news, commits) in &mut self.0 {
            if commits.has_changed().expect("the storage lives") {
                heard.push(*news);
                commits.mark_unchanged();
            }
        }
        heard
    }
}

async fn work_and_outcomes_wake_who_waits_for_them(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let secret = sealed(Place::EndpointSecret(endpoint_id(1)), "whsec_1");
    storage
        .write(async |tx| endpoints::insert(tx, &endpoint(1, ALPHA), secret).await)
        .await
        .unwrap();
    let mut listener = Listener::of(&storage);

    append(&storage, &[event(1, ALPHA)]).await;
    assert_eq!(listener.heard(), [News::Events, News::Outcomes]);
    place(&storage, 10).await;
    assert_eq!(listener.heard(), [News::Feed]);
    let pending = attempt(1, AuthType::Url);
    begin(&storage, &pending, link(1)).await;
    assert_eq!(listener.heard(), [], "nobody has to do anything for a link");
    let ended = pending.clone().fail(FailReason::UserDenied).unwrap();
    storage
        .write(async |tx| authorizations::finish(tx, &pending.state, &ended, at(1)).await)
        .await
        .unwrap();
    assert_eq!(listener.heard(), [News::Outcomes]);
    begin(&storage, &attempt(2, AuthType::Key), key(2, "secret")).await;
    assert_eq!(listener.heard(), [News::Keys]);
    let delivery = NewDelivery {
        id: delivery_id(1),
        event: event_id(1),
        endpoint: endpoint_id(1),
        institution: ALPHA,
        lease: None,
    };
    storage
        .write(async |tx| deliveries::insert_for_worker(tx, &[delivery], at(0)).await)
        .await
        .unwrap();
    assert_eq!(listener.heard(), [News::Deliveries]);
}

async fn a_commit_without_news_wakes_nobody(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let mut listener = Listener::of(&storage);
    // What a worker does that finds nothing: if it woke itself, it would never rest.
    storage
        .write(async |tx| {
            place_in(tx, 10).await?;
            outbox::lease_for_worker(tx, at(0), lease(1), at(60), 10).await?;
            deliveries::insert_for_worker(tx, &[], at(0)).await?;
            deliveries::lease_for_worker(tx, at(0), lease(1), at(60), &[], 1, 10).await
        })
        .await
        .unwrap();
    assert_eq!(listener.heard(), []);
    let failed = storage
        .write(async |tx| {
            outbox::append(tx, &event(1, ALPHA), at(0)).await?;
            Err::<(), _>(StorageError::Unsealable { place: "a test" })
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(listener.heard(), []);
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
    let mut commits = there.commits(News::Events);
    let mut watching = JoinSet::new();
    for process in [here.clone(), there.clone()] {
        watching.spawn(async move { process.watch_other_processes().await });
    }
    wait(&mut commits, "the beginning of the watch").await;
    for number in 0..3 {
        append(&here, &[event(number, ALPHA)]).await;
        wait(&mut commits, "an event").await;
    }
    assert!(watching.try_join_next().is_none(), "the watch goes on");
}
