//! Events on their way to the bus: leased, published, and taken note of once.

use domain::{EventId, EventType, LeaseId};
use storage::outbox::{self, Event};
use storage::{Storage, StorageError};

use crate::database::{TestDatabase, at_once, number};
use crate::world::{
    ALPHA, append, at, endpoint_id, event, event_id, lease, place, settle, store_event,
};

on_both! {
    an_event_comes_out_as_it_went_in,
    an_event_that_is_rolled_back_was_never_there,
    events_are_leased_oldest_first_and_again_after_the_lease,
    relays_that_lease_at_once_share_nothing,
    a_published_event_without_effect_is_published_again,
    a_released_event_is_due_when_it_says,
    an_effect_happens_once,
    of_many_consumers_one_has_the_effect,
}

async fn lease_events(
    storage: &Storage,
    now: i64,
    lease: LeaseId,
    until: i64,
    limit: u64,
) -> Vec<EventId> {
    let events = storage
        .write(async |tx| outbox::lease_for_worker(tx, at(now), lease, at(until), limit).await)
        .await
        .unwrap();
    events.iter().map(|event| event.id).collect()
}

async fn record_effect(storage: &Storage, id: EventId) -> Option<Event> {
    storage
        .write_optimistically(async |tx| outbox::record_effects_for_worker(tx, &[id], at(5)).await)
        .await
        .unwrap()
        .pop()
}

async fn an_event_comes_out_as_it_went_in(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let told = store_event(1, 1, 1);
    let test = Event {
        event_type: EventType::EndpointTest,
        endpoint: Some(endpoint_id(7)),
        payload: vec![0, 255, 128],
        ..event(2, ALPHA)
    };
    append(&storage, &[told.clone(), test.clone()]).await;
    place(&storage, 100).await;
    let leased = storage
        .write(async |tx| outbox::lease_for_worker(tx, at(0), lease(1), at(60), 10).await)
        .await
        .unwrap();
    assert_eq!(leased, [told.clone(), test]);
    assert_eq!(record_effect(&storage, told.id).await, Some(told));
}

async fn an_event_that_is_rolled_back_was_never_there(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let failed = storage
        .write(async |tx| {
            outbox::append(tx, &event(1, ALPHA), at(0)).await?;
            Err::<(), _>(StorageError::Unsealable { place: "a test" })
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(number(&storage, "SELECT COUNT(*) FROM outbox").await, 0);
    assert_eq!(lease_events(&storage, 0, lease(1), 60, 10).await, []);
}

async fn events_are_leased_oldest_first_and_again_after_the_lease(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    append(&storage, &[2, 1, 3].map(|number| event(number, ALPHA))).await;
    place(&storage, 100).await;
    let (one, two, three) = (event_id(1), event_id(2), event_id(3));
    assert_eq!(lease_events(&storage, 0, lease(1), 60, 2).await, [one, two]);
    assert_eq!(lease_events(&storage, 0, lease(2), 90, 9).await, [three]);
    assert_eq!(lease_events(&storage, 59, lease(3), 90, 9).await, []);
    assert_eq!(
        lease_events(&storage, 60, lease(3), 90, 9).await,
        [one, two]
    );
}

async fn relays_that_lease_at_once_share_nothing(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let events: Vec<_> = (0..60).map(|number| event(number, ALPHA)).collect();
    append(&storage, &events).await;
    place(&storage, 100).await;
    let leased = at_once(8, |number| {
        let storage = storage.clone();
        async move { lease_events(&storage, 0, lease(number as u128), 60, 10).await }
    })
    .await;
    let mut ids = leased.concat();
    ids.extend(lease_events(&storage, 0, lease(9), 60, 60).await);
    ids.sort();
    assert_eq!(ids, (0..60).map(event_id).collect::<Vec<_>>());
}

async fn a_published_event_without_effect_is_published_again(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    append(&storage, &[event(1, ALPHA), event(2, ALPHA)]).await;
    place(&storage, 100).await;
    let both = [event_id(1), event_id(2)];
    let mark_published = async |lease| {
        storage
            .write(async |tx| {
                outbox::mark_published_for_worker(tx, lease, &both, at(1), at(300)).await
            })
            .await
            .unwrap();
    };
    assert_eq!(lease_events(&storage, 0, lease(1), 60, 9).await, both);
    mark_published(lease(2)).await;
    let marked = "SELECT COUNT(*) FROM outbox WHERE published_at IS NOT NULL";
    assert_eq!(number(&storage, marked).await, 0, "it is not its lease");
    mark_published(lease(1)).await;
    assert_eq!(number(&storage, marked).await, 2);
    assert_eq!(lease_events(&storage, 299, lease(3), 600, 9).await, []);
    assert!(record_effect(&storage, event_id(1)).await.is_some());
    let again = lease_events(&storage, 300, lease(3), 600, 9).await;
    assert_eq!(again, [event_id(2)]);
}

async fn a_released_event_is_due_when_it_says(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    append(&storage, &[event(1, ALPHA)]).await;
    place(&storage, 100).await;
    let release = async |lease| {
        storage
            .write(async |tx| outbox::release_for_worker(tx, lease, &[event_id(1)], at(5)).await)
            .await
            .unwrap();
    };
    assert_eq!(lease_events(&storage, 0, lease(1), 60, 9).await.len(), 1);
    release(lease(2)).await;
    assert_eq!(lease_events(&storage, 5, lease(2), 90, 9).await, []);
    release(lease(1)).await;
    assert_eq!(lease_events(&storage, 4, lease(2), 90, 9).await, []);
    assert_eq!(lease_events(&storage, 5, lease(2), 90, 9).await.len(), 1);
}

async fn an_effect_happens_once(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    append(&storage, &[event(1, ALPHA)]).await;
    place(&storage, 100).await;
    let failed = storage
        .write(async |tx| {
            let events = outbox::record_effects_for_worker(tx, &[event_id(1)], at(5)).await?;
            assert_eq!(events.len(), 1);
            Err::<(), _>(StorageError::Unsealable { place: "a test" })
        })
        .await;
    assert!(failed.is_err());
    // What was rolled back has had no effect, and the message comes again.
    assert_eq!(
        record_effect(&storage, event_id(1)).await,
        Some(event(1, ALPHA))
    );
    assert_eq!(record_effect(&storage, event_id(1)).await, None);
    assert_eq!(record_effect(&storage, event_id(2)).await, None);
    assert_eq!(lease_events(&storage, 1000, lease(1), 2000, 9).await, []);
}

async fn of_many_consumers_one_has_the_effect(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    append(&storage, &[event(1, ALPHA)]).await;
    place(&storage, 100).await;
    let seen = at_once(16, |_| {
        let storage = storage.clone();
        async move { record_effect(&storage, event_id(1)).await }
    })
    .await;
    assert_eq!(seen.iter().flatten().count(), 1);
}
