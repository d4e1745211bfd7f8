//! What is waiting for a worker, and since when.

use domain::AuthType;
use domain::endpoint::EndpointStatus;
use storage::backlog::{self, Backlog, MOST_COUNTED, Waiting};
use storage::deliveries::{self, NewDelivery};
use storage::sealing::Place;
use storage::{Storage, StorageError, authorizations, endpoints, outbox};

use crate::database::TestDatabase;
use crate::world::{
    ALPHA, at, attempt, begin, delivery_id, endpoint, endpoint_id, event, event_id, key, lease,
    link, sealed, settle, settle_stores,
};

on_both! {
    events_wait_until_they_have_had_their_effect,
    a_long_backlog_is_not_counted_to_its_end,
    deliveries_wait_from_when_they_are_due,
    attempts_wait_for_their_proof_and_for_their_end,
}

async fn read(storage: &Storage, seconds: i64) -> Backlog {
    backlog::read_for_worker(storage, at(seconds))
        .await
        .unwrap()
}

fn waiting(count: u64, since: i64) -> Waiting {
    Waiting {
        count,
        oldest: Some(at(since)),
    }
}

async fn events_wait_until_they_have_had_their_effect(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    assert_eq!(read(&storage, 1).await, Backlog::default());
    let events = async |seconds| read(&storage, seconds).await.events;
    storage
        .write(async |tx| {
            for (number, seconds) in [(1, 10), (2, 20), (3, 30)] {
                outbox::append(tx, &event(number, ALPHA), at(seconds)).await?;
            }
            Ok::<_, StorageError>(())
        })
        .await
        .unwrap();
    assert_eq!(events(30).await, waiting(3, 10));
    // One that is leased, and so even one that was published, has not had it.
    let leased = storage
        .write(async |tx| {
            outbox::lease_for_worker(tx, at(31), lease(1), at(60), 1).await?;
            outbox::mark_published_for_worker(tx, lease(1), &[event_id(1)], at(32), at(332)).await
        })
        .await;
    leased.unwrap();
    assert_eq!(events(40).await, waiting(3, 10));
    let taken = storage
        .write(async |tx| outbox::record_effects_for_worker(tx, &[event_id(1)], at(41)).await)
        .await;
    assert!(!taken.unwrap().is_empty());
    assert_eq!(events(41).await, waiting(2, 20));
}

async fn a_long_backlog_is_not_counted_to_its_end(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    storage
        .write(async |tx| {
            for number in 0..=i64::try_from(MOST_COUNTED).unwrap() {
                let new = event(u128::try_from(number + 1).unwrap(), ALPHA);
                outbox::append(tx, &new, at(number)).await?;
            }
            Ok::<_, StorageError>(())
        })
        .await
        .unwrap();
    let events = read(&storage, 20_000).await.events;
    assert_eq!(events, waiting(MOST_COUNTED, 0));
}

async fn deliveries_wait_from_when_they_are_due(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    storage
        .write(async |tx| {
            for number in [1, 2] {
                let secret = sealed(Place::EndpointSecret(endpoint_id(number)), "whsec_1");
                endpoints::insert(tx, &endpoint(number, ALPHA), secret).await?;
            }
            for (number, to, due) in [(1, 1, 10), (2, 2, 20), (3, 2, 30)] {
                outbox::append(tx, &event(number, ALPHA), at(0)).await?;
                let delivery = NewDelivery {
                    id: delivery_id(number),
                    event: event_id(number),
                    endpoint: endpoint_id(to),
                    institution: ALPHA,
                    lease: None,
                };
                deliveries::insert_for_worker(tx, &[delivery], at(due)).await?;
            }
            // One under way is still waited for.
            deliveries::lease_for_worker(tx, at(30), lease(1), at(90), &[], 1, 1).await?;
            Ok::<_, StorageError>(())
        })
        .await
        .unwrap();
    let due = async |seconds| read(&storage, seconds).await.deliveries;
    assert_eq!(due(9).await, Waiting::default());
    assert_eq!(due(29).await, waiting(2, 10));
    assert_eq!(due(30).await, waiting(3, 10));

    // Nobody waits for what goes to an endpoint that takes nothing any more.
    let disabled = storage
        .write(async |tx| {
            let (before, after) = (EndpointStatus::Unverified, EndpointStatus::Disabled);
            endpoints::change_status_for_worker(tx, endpoint_id(1), before, after).await
        })
        .await;
    assert!(disabled.unwrap());
    assert_eq!(due(30).await, waiting(2, 20));
    let deleted = storage
        .write(async |tx| endpoints::delete(tx, ALPHA, endpoint_id(2), at(31)).await)
        .await;
    assert!(deleted.unwrap());
    assert_eq!(due(30).await, Waiting::default());
}

async fn attempts_wait_for_their_proof_and_for_their_end(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    begin(&storage, &attempt(1, AuthType::Key), key(1, "one")).await;
    begin(&storage, &attempt(2, AuthType::Url), link(2)).await;
    let both = async |seconds| {
        let backlog = read(&storage, seconds).await;
        (backlog.key_proofs, backlog.overdue)
    };
    assert_eq!(both(599).await, (waiting(1, 0), Waiting::default()));
    assert_eq!(both(600).await, (waiting(1, 0), waiting(2, 600)));
    let linked = attempt(2, AuthType::Url);
    let ended = linked.clone().succeed(None).unwrap();
    let finished = storage
        .write(async |tx| authorizations::finish(tx, &linked.state, &ended, at(601)).await)
        .await;
    finished.unwrap();
    assert_eq!(both(601).await, (waiting(1, 0), waiting(1, 600)));
}
