//! The feed: every event once, in an order that never changes behind a reader.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use storage::outbox::{self, FeedEntry};
use storage::{Storage, StorageError};
use tokio::task::JoinSet;

use crate::database::{PATIENCE, TestDatabase};
use crate::world::{
    ALPHA, BETA, append, at, event, event_id, place, settle, settle_stores, store_event,
};

on_both! {
    places_follow_the_commits,
    events_of_a_store_keep_their_sequence,
    an_institution_reads_its_own_events,
    a_reader_sees_every_event_once_while_others_write,
}

async fn feed(storage: &Storage, after: i64, limit: u64) -> Vec<(i64, String)> {
    outbox::list_feed(storage, ALPHA, after, limit)
        .await
        .unwrap()
        .into_iter()
        .map(|entry| (entry.position, String::from_utf8(entry.payload).unwrap()))
        .collect()
}

async fn places_follow_the_commits(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let newest = async || outbox::newest_position(&storage).await.unwrap();
    let oldest = async || outbox::oldest_kept_position(&storage).await.unwrap();
    assert_eq!((place(&storage, 10).await, newest().await), (0, 0));
    append(&storage, &[event(5, ALPHA), event(7, ALPHA)]).await;
    assert_eq!(feed(&storage, 0, 10).await, []);
    assert_eq!(oldest().await, None);
    assert_eq!(place(&storage, 10).await, 2);
    // An event with a smaller id that is committed later stands behind what a reader may have seen.
    append(&storage, &[event(6, ALPHA)]).await;
    assert_eq!(place(&storage, 10).await, 1);
    let placed = [(1, "5"), (2, "7"), (3, "6")].map(|(at, text)| (at, text.to_owned()));
    assert_eq!(feed(&storage, 0, 10).await, placed);
    assert_eq!(feed(&storage, 1, 1).await, placed[1..2]);
    assert_eq!(feed(&storage, 3, 10).await, []);
    assert_eq!((oldest().await, newest().await), (Some(1), 3));

    storage
        .write(async |tx| {
            outbox::record_effects_for_worker(tx, &[event_id(5)], at(1)).await?;
            storage::retention::delete_events_for_worker(tx, at(1), 10).await
        })
        .await
        .unwrap();
    assert_eq!((oldest().await, newest().await), (Some(2), 3));
}

/// Two processes made the ids, and the clock of one was behind.
async fn events_of_a_store_keep_their_sequence(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let events = [
        event(1, ALPHA),
        store_event(2, 1, 2),
        store_event(3, 2, 1),
        store_event(4, 1, 1),
        event(5, ALPHA),
        store_event(6, 1, 3),
    ];
    append(&storage, &events).await;
    assert_eq!(place(&storage, 10).await, 6);
    let placed = feed(&storage, 0, 10).await;
    let payloads: Vec<_> = placed.iter().map(|(_, payload)| payload.as_str()).collect();
    assert_eq!(payloads, ["1", "4", "3", "2", "5", "6"]);
}

async fn an_institution_reads_its_own_events(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    append(
        &storage,
        &[event(1, ALPHA), event(2, BETA), event(3, ALPHA)],
    )
    .await;
    assert_eq!(place(&storage, 10).await, 3);
    let entry = |position| FeedEntry {
        position,
        payload: position.to_string().into_bytes(),
    };
    let of = async |institution| {
        outbox::list_feed(&storage, institution, 0, 10)
            .await
            .unwrap()
    };
    assert_eq!(of(ALPHA).await, [entry(1), entry(3)]);
    assert_eq!(of(BETA).await, [entry(2)]);
}

const WRITERS: usize = 8;
const EACH: usize = 25;

async fn a_reader_sees_every_event_once_while_others_write(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let mut others = JoinSet::new();
    for writer in 0..WRITERS {
        let storage = storage.clone();
        others.spawn(async move { write(&storage, writer).await });
    }
    let placed = Arc::new(AtomicUsize::new(0));
    for _ in 0..2 {
        let (storage, placed) = (storage.clone(), Arc::clone(&placed));
        others.spawn(async move {
            while placed.load(Ordering::SeqCst) < WRITERS * EACH {
                placed.fetch_add(place(&storage, 7).await, Ordering::SeqCst);
            }
        });
    }
    let read = async {
        let mut seen: Vec<(i64, String)> = Vec::new();
        while seen.len() < WRITERS * EACH {
            let cursor = seen.last().map_or(0, |(position, _)| *position);
            seen.extend(feed(&storage, cursor, 10).await);
        }
        seen
    };
    let seen = tokio::time::timeout(PATIENCE, read)
        .await
        .expect("every event appears behind the cursor");
    others.join_all().await;

    let positions: Vec<_> = seen.iter().map(|(position, _)| *position).collect();
    let all = i64::try_from(WRITERS * EACH).unwrap();
    assert_eq!(positions, (1..=all).collect::<Vec<_>>());
    let mut events: Vec<usize> = seen.iter().map(|(_, text)| text.parse().unwrap()).collect();
    events.sort_unstable();
    assert_eq!(events, (0..WRITERS * EACH).collect::<Vec<_>>());
    assert_eq!(feed(&storage, all, 10).await, []);
}

/// Appends the writer's events, each in its own transaction, with one that is rolled back before each.
async fn write(storage: &Storage, writer: usize) {
    for number in 0..EACH {
        let id = writer * EACH + number;
        let lost = storage
            .write(async |tx| {
                outbox::append(tx, &event(id as u128, ALPHA), at(0)).await?;
                Err::<(), _>(StorageError::Unsealable { place: "a test" })
            })
            .await;
        assert!(lost.is_err());
        append(storage, &[event(id as u128, ALPHA)]).await;
    }
}
