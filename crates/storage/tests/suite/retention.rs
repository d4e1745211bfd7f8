//! What nobody needs any more goes, and nothing else.

use domain::EventId;
use domain::delivery::DeliveryStatus;
use domain::{AuthType, InstitutionKeyId};
use storage::attempts::{self, Attempt};
use storage::deliveries::{self, NewDelivery, Next};
use storage::idempotency::{self, IdempotencyKey};
use storage::institutions::InstitutionKey;
use storage::sealing::Place;
use storage::{
    Storage, access_tokens, authorizations, endpoints, grants, institutions, nonces, outbox,
    retention, stores,
};
use uuid::Uuid;

use crate::database::{TestDatabase, number};
use crate::world::{
    ALPHA, append, at, attempt, begin, delivery_id, endpoint, endpoint_id, event, event_id, grant,
    grant_id, grant_secrets, hash, lease, link, place, place_in, sealed, settle, settle_stores,
    store,
};

on_both! {
    what_has_expired_is_deleted,
    what_has_expired_goes_a_batch_at_a_time,
    events_go_when_nothing_is_owed,
    events_go_a_batch_at_a_time,
    what_has_ended_goes_in_the_order_of_its_references,
}

async fn what_has_expired_is_deleted(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    for (serial, seconds) in [(1, 10), (2, 20)] {
        expire_at(&storage, serial, seconds).await;
    }
    assert_eq!(delete_expired(&storage, 9, 10).await, [0, 0, 0, 0]);
    assert_eq!(delete_expired(&storage, 10, 10).await, [1, 1, 1, 1]);
    for table in [
        "access_tokens",
        "nonces",
        "idempotency_keys",
        "institution_keys",
    ] {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        assert_eq!(number(&storage, &sql).await, 1, "{table}");
    }
    let token = access_tokens::find(&storage, hash(2)).await;
    assert_eq!(token.unwrap().map(|token| token.institution), Some(ALPHA));
    let live = institutions::live_keys(&storage, ALPHA, at(10)).await;
    assert_eq!(live.unwrap().len(), 1);
}

async fn what_has_expired_goes_a_batch_at_a_time(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    for serial in 1..=5 {
        expire_at(&storage, serial, i64::from(serial)).await;
    }
    assert_eq!(delete_expired(&storage, 4, 3).await, [3, 3, 3, 3]);
    let oldest = "SELECT MIN(expires_at) FROM nonces";
    assert_eq!(number(&storage, oldest).await, at(4).timestamp_millis());
    assert_eq!(delete_expired(&storage, 4, 3).await, [1, 1, 1, 1]);
    assert_eq!(delete_expired(&storage, 4, 3).await, [0, 0, 0, 0]);
}

/// How many tokens, nonces, kept answers and secrets went.
async fn delete_expired(storage: &Storage, seconds: i64, limit: u64) -> [u64; 4] {
    let deleted = storage
        .write(async |tx| retention::delete_expired_for_worker(tx, at(seconds), limit).await);
    deleted.await.unwrap().map(|deleted| deleted.rows)
}

/// A token, a nonce, a kept answer and a secret that end then.
async fn expire_at(storage: &Storage, serial: u8, seconds: i64) {
    let id = InstitutionKeyId::new(Uuid::from_u128(serial.into()));
    let secret = InstitutionKey {
        id,
        secret: sealed(Place::InstitutionSecret(id), "secret"),
        expires_at: None,
    };
    let key = IdempotencyKey {
        institution: ALPHA,
        call: "store/create",
        key_hash: hash(serial),
    };
    let end = at(seconds);
    storage
        .write(async |tx| {
            access_tokens::insert(tx, ALPHA, hash(serial), end).await?;
            nonces::consume(tx, ALPHA, hash(serial), end).await?;
            idempotency::reserve(tx, key, hash(serial), at(0), end).await?;
            institutions::insert_key(tx, ALPHA, &secret, at(0)).await?;
            // It leaves secrets alone that end before.
            institutions::expire_keys(tx, ALPHA, end).await
        })
        .await
        .unwrap();
}

async fn delete_events(storage: &Storage, before: i64, limit: u64) -> u64 {
    storage
        .write(async |tx| retention::delete_events_for_worker(tx, at(before), limit).await)
        .await
        .unwrap()
        .rows
}

async fn left(storage: &Storage) -> Vec<String> {
    let feed = outbox::list_feed(storage, ALPHA, 0, 100).await.unwrap();
    feed.into_iter()
        .map(|entry| String::from_utf8(entry.payload).unwrap())
        .collect()
}

/// Appends, places and takes note of events 1 to `events`, all at 0 s.
async fn settle_events(storage: &Storage, events: u128) {
    settle(storage).await;
    let new: Vec<_> = (1..=events).map(|number| event(number, ALPHA)).collect();
    append(storage, &new).await;
    storage
        .write(async |tx| {
            place_in(tx, 100).await?;
            let ids: Vec<EventId> = (1..=events).map(event_id).collect();
            outbox::record_effects_for_worker(tx, &ids, at(1)).await
        })
        .await
        .unwrap();
}

async fn events_go_when_nothing_is_owed(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    // Events 1 and 2 are delivered to endpoint 1, of which 2 is still owed; 3 went to nobody.
    settle_events(&storage, 3).await;
    let delivery = |number| NewDelivery {
        id: delivery_id(number),
        event: event_id(number),
        endpoint: endpoint_id(1),
        institution: ALPHA,
        lease: None,
    };
    let attempt = Attempt {
        id: Uuid::from_u128(1),
        delivery: delivery_id(1),
        started_at: at(2),
        duration: std::time::Duration::from_millis(5),
        status_code: Some(200),
        error: None,
        webhook_timestamp: 0,
        signature: "v1,abc".to_owned(),
        answer_excerpt: None,
    };
    let secret = sealed(Place::EndpointSecret(endpoint_id(1)), "whsec_1");
    storage
        .write(async |tx| {
            endpoints::insert(tx, &endpoint(1, ALPHA), secret).await?;
            deliveries::insert_for_worker(tx, &[delivery(1), delivery(2)], at(1)).await?;
            deliveries::lease_for_worker(tx, at(2), lease(1), at(60), &[], 1, 1).await?;
            attempts::insert_for_worker(tx, &[attempt]).await?;
            let delivered = Next::End(DeliveryStatus::Delivered);
            deliveries::count_attempt_for_worker(tx, delivery_id(1), lease(1), delivered, at(3))
                .await
        })
        .await
        .unwrap();
    // Event 4 has no place yet, and event 5 has one but no effect.
    append(&storage, &[event(5, ALPHA)]).await;
    place(&storage, 10).await;
    append(&storage, &[event(4, ALPHA)]).await;
    storage
        .write(async |tx| outbox::record_effects_for_worker(tx, &[event_id(4)], at(1)).await)
        .await
        .unwrap();

    assert_eq!(delete_events(&storage, 0, 10).await, 0, "they are not old");
    assert_eq!(delete_events(&storage, 1, 10).await, 2);
    assert_eq!(left(&storage).await, ["2", "5"]);
    assert_eq!(number(&storage, "SELECT COUNT(*) FROM outbox").await, 3);
    assert_eq!(number(&storage, "SELECT COUNT(*) FROM deliveries").await, 1);
    assert_eq!(number(&storage, "SELECT COUNT(*) FROM attempts").await, 0);
}

async fn events_go_a_batch_at_a_time(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_events(&storage, 5).await;
    assert_eq!(delete_events(&storage, 1, 2).await, 2);
    assert_eq!(left(&storage).await, ["3", "4", "5"]);
    assert_eq!(delete_events(&storage, 1, 2).await, 2);
    assert_eq!(delete_events(&storage, 1, 2).await, 1);
    assert_eq!(delete_events(&storage, 1, 2).await, 0);
}

/// How many grants, attempts and stores went.
async fn delete_ended(storage: &Storage, before: i64) -> [u64; 3] {
    storage
        .write(async |tx| retention::delete_ended_for_worker(tx, at(before), 10).await)
        .await
        .unwrap()
        .map(|deleted| deleted.rows)
}

async fn count(storage: &Storage, table: &str) -> i64 {
    number(storage, &format!("SELECT COUNT(*) FROM {table}")).await
}

async fn what_has_ended_goes_in_the_order_of_its_references(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    // Store 1 was authorized and is unbound at 100 s; the attempt of store 2 still waits.
    let proven = attempt(1, AuthType::Url);
    begin(&storage, &proven, link(1)).await;
    begin(&storage, &attempt(2, AuthType::Url), link(2)).await;
    let secrets = grant_secrets(grant_id(1));
    storage
        .write(async |tx| {
            let ended = proven.clone().succeed(None).unwrap();
            authorizations::finish(tx, &proven.state, &ended, at(50)).await?;
            grants::insert(tx, &grant(1), secrets).await
        })
        .await
        .unwrap();
    assert_eq!(
        delete_ended(&storage, 1_000).await,
        [0, 0, 0],
        "a live grant comes from the attempt"
    );

    storage
        .write(async |tx| {
            grants::end(tx, grant_id(1), at(100)).await?;
            stores::update_unbound(tx, &store(1, ALPHA).unbind(), at(100)).await
        })
        .await
        .unwrap();
    assert_eq!(
        delete_ended(&storage, 100).await,
        [0, 0, 0],
        "it has only just ended"
    );
    assert_eq!(
        delete_ended(&storage, 101).await,
        [1, 1, 1],
        "grant, attempt and store"
    );
    assert_eq!(count(&storage, "grants").await, 0);
    assert_eq!(count(&storage, "authorizations").await, 1);
    assert_eq!(count(&storage, "stores").await, 2);
}
