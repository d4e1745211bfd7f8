//! What one of several callers asks a platform for, while the others wait for what comes of it.

use domain::{AuthType, FailReason, Platform, StoreId};
use storage::online_exchanges::{self, OnlineExchange, OnlineSession};
use storage::scope_readings::{self, LastReading, ReadingOutcome, ScopeReading};
use storage::{Storage, StorageError, grants};
use uuid::Uuid;

use crate::database::{TestDatabase, at_once, execute};
use crate::world::{
    ALPHA, BETA, at, attempt, begin, grant, grant_id, grant_secrets, hash, lease, link, scopes,
    settle_stores,
};

on_both! {
    scopes_are_read_by_one_whether_they_are_due_or_not,
    a_reading_that_was_cut_off_is_taken_over,
    a_lease_holds_for_its_own_number_alone,
    of_many_one_exchanges_a_session_token,
    why_an_exchange_failed_is_there_until_the_next_one_begins,
    who_was_taken_for_dead_ends_no_exchange,
}

async fn settled(database: &TestDatabase) -> Storage {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    begin(&storage, &attempt(1, AuthType::Url), link(1)).await;
    let (new, secrets) = (grant(1), grant_secrets(grant_id(1)));
    storage
        .write(async |tx| grants::insert(tx, &new, secrets).await)
        .await
        .unwrap();
    storage
}

async fn read_now(storage: &Storage, seconds: i64) -> Option<ScopeReading> {
    let (now, until) = (at(seconds), at(seconds + 60));
    storage
        .write(async |tx| scope_readings::lease_one(tx, ALPHA, grant_id(1), now, until).await)
        .await
        .unwrap()
}

async fn finish(storage: &Storage, reading: &ScopeReading, outcome: ReadingOutcome) {
    let (turn, read) = (reading.turn, scopes());
    storage
        .write(async |tx| {
            let next = at(5000);
            scope_readings::finish_for_worker(tx, turn, outcome, Some(&read), next).await
        })
        .await
        .unwrap();
}

async fn last(storage: &Storage) -> LastReading {
    let found = scope_readings::find_last(storage, ALPHA, grant_id(1)).await;
    found.unwrap().unwrap()
}

async fn due(storage: &Storage, seconds: i64) -> Vec<ScopeReading> {
    let (platform, now, until) = (Platform::Shopline, at(seconds), at(seconds + 60));
    storage
        .write(async |tx| scope_readings::lease_due_for_worker(tx, platform, now, until, 10).await)
        .await
        .unwrap()
}

async fn scopes_are_read_by_one_whether_they_are_due_or_not(database: &TestDatabase) {
    let storage = settled(database).await;
    let never = last(&storage).await;
    assert_eq!((never.number, never.outcome), (0, None));
    assert!(never.leased_until <= at(0));
    let theirs = scope_readings::find_last(&storage, BETA, grant_id(1)).await;
    assert_eq!(theirs.unwrap(), None);
    let reading = read_now(&storage, 100).await.unwrap();
    let begun = LastReading {
        number: 1,
        leased_until: at(160),
        outcome: None,
    };
    assert_eq!(
        (last(&storage).await, reading.turn.number()),
        (begun, 1),
        "it was due at 500"
    );
    assert!(read_now(&storage, 159).await.is_none());
    assert!(due(&storage, 159).await.is_empty());
    finish(&storage, &reading, ReadingOutcome::NotTold).await;
    assert_eq!(last(&storage).await.outcome, Some(ReadingOutcome::NotTold));
    assert!(due(&storage, 4999).await.is_empty());

    // The worker's reading is one like any other.
    let worker = due(&storage, 5000).await.remove(0);
    assert!(read_now(&storage, 5059).await.is_none());
    assert_eq!(last(&storage).await.outcome, None);
    finish(&storage, &worker, ReadingOutcome::Read).await;
    let read = last(&storage).await;
    assert_eq!((read.number, read.outcome), (2, Some(ReadingOutcome::Read)));
    let wrong = "UPDATE grants SET scopes_outcome = 'PERHAPS'";
    assert!(execute(&storage, wrong).await.is_err());
    storage
        .write(async |tx| grants::end(tx, grant_id(1), at(6000)).await)
        .await
        .unwrap();
    assert!(read_now(&storage, 7000).await.is_none());
    let ended = scope_readings::find_last(&storage, ALPHA, grant_id(1)).await;
    assert_eq!(ended.unwrap(), None);
}

async fn a_reading_that_was_cut_off_is_taken_over(database: &TestDatabase) {
    let storage = settled(database).await;
    let dead = read_now(&storage, 100).await.unwrap();
    let next = read_now(&storage, 160).await.unwrap();
    assert_eq!(next.turn.number(), 2);
    finish(&storage, &dead, ReadingOutcome::Read).await;
    assert_eq!(last(&storage).await.outcome, None, "it counts no more");
    finish(&storage, &next, ReadingOutcome::Unanswered).await;
    let outcome = last(&storage).await.outcome;
    assert_eq!(outcome, Some(ReadingOutcome::Unanswered));
}

/// The version before raises the number, and keeps neither a lease nor an outcome.
async fn a_lease_holds_for_its_own_number_alone(database: &TestDatabase) {
    let storage = settled(database).await;
    let before = read_now(&storage, 100).await.unwrap();
    let overtaken = "UPDATE grants SET scopes_fence = scopes_fence + 1";
    execute(&storage, overtaken).await.unwrap();
    let latest = last(&storage).await;
    assert_eq!((latest.number, latest.outcome), (2, None));
    assert!(latest.leased_until <= at(0));
    let next = read_now(&storage, 101).await.unwrap();
    assert_eq!(next.turn.number(), 3);
    assert!(read_now(&storage, 160).await.is_none());
    finish(&storage, &before, ReadingOutcome::Read).await;
    assert_eq!(last(&storage).await.leased_until, at(161));
}

const SESSION: OnlineSession = OnlineSession {
    institution: ALPHA,
    store: StoreId::new(Uuid::from_u128(1)),
    hash: [9; 32],
};

async fn take(storage: &Storage, session: OnlineSession, number: u128, seconds: i64) -> bool {
    let (now, until, forget) = (at(seconds), at(seconds + 6), at(seconds + 60));
    storage
        .write(async |tx| {
            online_exchanges::lease(tx, session, lease(number), now, until, forget).await
        })
        .await
        .unwrap()
}

async fn exchange(storage: &Storage) -> Option<OnlineExchange> {
    online_exchanges::find(storage, SESSION).await.unwrap()
}

async fn of_many_one_exchanges_a_session_token(database: &TestDatabase) {
    let storage = settled(database).await;
    let taken = at_once(8, |number| {
        let storage = storage.clone();
        async move { take(&storage, SESSION, number as u128, 0).await }
    });
    let taken = taken.await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 1);
    let held = exchange(&storage).await.unwrap();
    assert_eq!((held.leased_until, held.failure), (at(6), None));
    // Other session tokens are others' business.
    let other = OnlineSession {
        hash: hash(8),
        ..SESSION
    };
    assert!(take(&storage, other, 20, 0).await);
    assert!(!take(&storage, SESSION, 21, 5).await);
    let extended = storage
        .write(async |tx| online_exchanges::extend(tx, SESSION, held.lease, at(8)).await)
        .await;
    assert!(extended.unwrap());
    assert!(!take(&storage, SESSION, 22, 7).await);
    let ended = storage
        .write(async |tx| online_exchanges::succeed(tx, SESSION, held.lease).await)
        .await;
    assert!(ended.unwrap());
    assert_eq!(exchange(&storage).await, None);
    assert!(take(&storage, SESSION, 23, 7).await);
}

async fn why_an_exchange_failed_is_there_until_the_next_one_begins(database: &TestDatabase) {
    let storage = settled(database).await;
    assert!(take(&storage, SESSION, 1, 0).await);
    let reason = FailReason::PlatformRejected;
    let failed = storage
        .write(async |tx| online_exchanges::fail(tx, SESSION, lease(1), reason).await)
        .await;
    assert!(failed.unwrap());
    let found = exchange(&storage).await.unwrap();
    assert_eq!((found.lease, found.failure), (lease(1), Some(reason)));
    assert!(found.leased_until <= at(0));
    assert!(take(&storage, SESSION, 2, 1).await);
    let found = exchange(&storage).await.unwrap();
    assert_eq!((found.lease, found.failure), (lease(2), None));
    for wrong in [
        "UPDATE online_exchanges SET fail_reason = 'PERHAPS'",
        "UPDATE online_exchanges SET fail_reason = 'PLATFORM_REJECTED'",
    ] {
        assert!(execute(&storage, wrong).await.is_err(), "{wrong}");
    }
}

async fn who_was_taken_for_dead_ends_no_exchange(database: &TestDatabase) {
    let storage = settled(database).await;
    assert!(take(&storage, SESSION, 1, 0).await);
    assert!(take(&storage, SESSION, 2, 6).await);
    let late = storage
        .write(async |tx| {
            let dead = lease(1);
            let reason = FailReason::PlatformUnreachable;
            Ok::<_, StorageError>([
                online_exchanges::extend(tx, SESSION, dead, at(90)).await?,
                online_exchanges::succeed(tx, SESSION, dead).await?,
                online_exchanges::fail(tx, SESSION, dead, reason).await?,
            ])
        })
        .await;
    assert_eq!(late.unwrap(), [false; 3]);
    let found = exchange(&storage).await.unwrap();
    assert_eq!((found.lease, found.leased_until), (lease(2), at(12)));
}
