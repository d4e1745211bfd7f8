//! A row that we would not have written is named, and never guessed at.

use std::fmt;

use domain::{AuthType, Authorization, Platform, PlatformAppId};
use storage::deliveries::NewDelivery;
use storage::platform_apps::PlatformApp;
use storage::sealing::Place;
use storage::stores::StoreFilter;
use storage::{
    Storage, StorageError, authorizations, clients, deliveries, endpoints, grants, institutions,
    outbox, platform_apps, stores,
};
use uuid::Uuid;

use crate::database::{TestDatabase, execute};
use crate::world::{
    ALPHA, append, at, attempt, attempt_id, begin, client, delivery_id, endpoint, endpoint_id,
    event, event_id, grant, grant_id, grant_secrets, hash, key, lease, link, place, sealed,
    settle_stores, store_id,
};

on_both! {
    a_corrupt_row_is_named_by_table_and_id,
    a_corrupt_event_is_named_to_its_worker,
    an_endpoint_that_cannot_be_read_holds_up_no_other,
    an_attempt_that_cannot_be_read_holds_up_no_other,
    a_grant_that_cannot_be_read_holds_up_no_other,
}

/// Beyond every instant that can be written down.
const NEVER: &str = "9223372036854775807";

async fn corrupt(storage: &Storage, change: &str) {
    execute(storage, &format!("UPDATE {change}"))
        .await
        .expect("no constraint forbids it");
}

#[track_caller]
fn assert_corrupt<T: fmt::Debug>(
    result: Result<T, StorageError>,
    table: &str,
    id: impl fmt::Display,
    what: &str,
) {
    let Err(StorageError::Corrupt {
        table: found_table,
        id: found_id,
        what: found,
    }) = result
    else {
        panic!("{table}: {result:?}");
    };
    assert_eq!(
        (found_table, found_id, found),
        (table, id.to_string(), what)
    );
}

async fn a_corrupt_row_is_named_by_table_and_id(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    begin(&storage, &attempt(1, AuthType::Url), link(1)).await;
    let app = PlatformApp {
        id: PlatformAppId::new(Uuid::from_u128(1)),
        platform: Platform::Shopline,
        institution: None,
        client_id: "client".to_owned(),
        secret: None,
        scopes: Vec::new(),
        host: None,
        event_key: None,
        operator_scopes: None,
    };
    let secret = sealed(Place::EndpointSecret(endpoint_id(1)), "whsec_1");
    storage
        .write(async |tx| {
            platform_apps::insert(tx, &app, at(0)).await?;
            endpoints::insert(tx, &endpoint(1, ALPHA), secret).await
        })
        .await
        .unwrap();

    corrupt(&storage, "institutions SET redirect_origins = '{'").await;
    let found = institutions::find(&storage, ALPHA).await;
    assert_corrupt(found, "institutions", ALPHA, "redirect_origins");

    let id = client(ALPHA).id;
    corrupt(&storage, &format!("clients SET created_at = {NEVER}")).await;
    let found = clients::find(&storage, ALPHA, id).await;
    assert_corrupt(found, "clients", id, "an instant is out of range");

    corrupt(&storage, "platform_apps SET scopes = '[1]'").await;
    let found = platform_apps::find_by_id(&storage, app.id).await;
    assert_corrupt(found, "platform_apps", app.id, "scopes");
    corrupt(&storage, "platform_apps SET platform = 'EBAY'").await;
    let found = platform_apps::list(&storage).await;
    assert_corrupt(found, "platform_apps", app.id, "platform");

    corrupt(&storage, "endpoints SET event_types = '[\"store.lost\"]'").await;
    let found = endpoints::list(&storage, ALPHA).await;
    assert_corrupt(found, "endpoints", endpoint_id(1), "event_types");

    let id = attempt_id(1);
    let finished = "status = 'FAILED', finished_at = 1";
    let change = format!("authorizations SET {finished}, fail_reason = 'BAD_LUCK'");
    corrupt(&storage, &change).await;
    let found = authorizations::find(&storage, ALPHA, id).await;
    assert_corrupt(found, "authorizations", id, "fail_reason");
    corrupt(&storage, "authorizations SET platform = 'EBAY'").await;
    let found = authorizations::find_by_state(&storage, hash(1)).await;
    assert_corrupt(found, "authorizations", id, "platform");

    corrupt_stores(&storage).await;
}

async fn corrupt_stores(storage: &Storage) {
    let id = store_id(1);
    let failed = "auth_status = 'FAILED', auth_fail_reason = 'BAD_LUCK'";
    corrupt(storage, &format!("stores SET {failed}")).await;
    let found = stores::find(storage, ALPHA, id).await;
    assert_corrupt(found, "stores", id, "auth_fail_reason");

    let success = "auth_status = 'SUCCESS', auth_fail_reason = NULL, grant_id = id,
         shop_identity = '9001', authorized_at = 1, scopes = 'all'";
    corrupt(storage, &format!("stores SET {success}")).await;
    let found = storage
        .write(async |tx| stores::find_locked(tx, ALPHA, id).await)
        .await;
    assert_corrupt(found, "stores", id, "scopes");

    corrupt(storage, "stores SET platform = 'EBAY'").await;
    let found = stores::list(storage, ALPHA, StoreFilter::default(), 10).await;
    assert_corrupt(found, "stores", id, "platform");
}

async fn a_corrupt_event_is_named_to_its_worker(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    append(&storage, &[event(1, ALPHA), event(2, ALPHA)]).await;
    place(&storage, 10).await;
    let take_note = async || {
        storage
            .write(async |tx| outbox::record_effects_for_worker(tx, &[event_id(1)], at(1)).await)
            .await
    };
    corrupt(&storage, "outbox SET sequence = 1 WHERE position = 1").await;
    assert_corrupt(take_note().await, "outbox", event_id(1), "half of a store");
    corrupt(
        &storage,
        "outbox SET sequence = NULL, event_type = 'store.lost' WHERE position = 1",
    )
    .await;
    assert_corrupt(take_note().await, "outbox", event_id(1), "event_type");
    // The relay goes on with the others.
    let leased = storage
        .write(async |tx| outbox::lease_for_worker(tx, at(0), lease(1), at(60), 10).await)
        .await
        .unwrap();
    assert_eq!(leased, [event(2, ALPHA)]);
}

/// The rows of number 1, of whichever table.
fn first(database: &TestDatabase) -> &'static str {
    if database.is_postgres() {
        "WHERE right(id::text, 1) = '1'"
    } else {
        "WHERE substr(hex(id), 32) = '1'"
    }
}

/// What it was leased for comes again; meanwhile it is not in the way of what is due behind it.
async fn an_endpoint_that_cannot_be_read_holds_up_no_other(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    append(&storage, &[1, 2, 3].map(|number| event(number, ALPHA))).await;
    let deliveries = [(1, 1, 1), (2, 2, 1), (3, 3, 1), (4, 1, 2)];
    let deliveries = deliveries.map(|(number, of_event, to)| NewDelivery {
        id: delivery_id(number),
        event: event_id(of_event),
        endpoint: endpoint_id(to),
        institution: ALPHA,
        lease: None,
    });
    storage
        .write(async |tx| {
            for number in [1, 2] {
                let secret = sealed(Place::EndpointSecret(endpoint_id(number)), "whsec_1");
                endpoints::insert(tx, &endpoint(number, ALPHA), secret).await?;
            }
            for (delivery, due) in deliveries.iter().zip([1, 2, 3, 4]) {
                deliveries::insert_for_worker(tx, &[*delivery], at(due)).await?;
            }
            Ok::<_, StorageError>(())
        })
        .await
        .unwrap();
    let change = format!("endpoints SET event_types = '{{' {}", first(database));
    corrupt(&storage, &change).await;
    let lease_three = async || {
        storage
            .write(async |tx| {
                deliveries::lease_for_worker(tx, at(9), lease(1), at(60), &[], 1, 3).await
            })
            .await
            .unwrap()
    };
    // All three, though an endpoint that can be read would get one.
    let leased = lease_three().await;
    assert!(leased.due.is_empty() && leased.has_unreadable);
    let leased = lease_three().await;
    assert!(!leased.has_unreadable);
    assert_eq!(leased.due.len(), 1);
    assert_eq!(leased.due[0].id, delivery_id(4));
    let has_due = async |now| {
        deliveries::has_due_for_worker(&storage, at(now))
            .await
            .unwrap()
    };
    assert_eq!((has_due(59).await, has_due(60).await), (false, true));
}

async fn an_attempt_that_cannot_be_read_holds_up_no_other(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    begin(&storage, &attempt(1, AuthType::Key), key(1, "one")).await;
    let second = Authorization {
        deadline_at: at(601),
        ..attempt(2, AuthType::Key)
    };
    begin(&storage, &second, key(2, "two")).await;
    let change = format!("authorizations SET platform = 'EBAY' {}", first(database));
    corrupt(&storage, &change).await;
    // One at a time, as if there were as many unreadable ones as are looked at.
    let overdue = authorizations::list_overdue_for_worker(&storage, at(700), 1).await;
    assert_eq!(overdue.unwrap(), [second]);
    let none = authorizations::list_overdue_for_worker(&storage, at(600), 1).await;
    assert_eq!(none.unwrap(), []);

    let lease_one = async || {
        storage
            .write(async |tx| {
                let (now, until) = (at(600), at(660));
                authorizations::lease_due_keys_for_worker(tx, now, lease(1), until, 1).await
            })
            .await
            .unwrap()
    };
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.extend(lease_one().await.iter().map(|work| work.authorization.id));
    }
    assert_eq!(ids, [attempt_id(2)]);
    let has_due = async |now| {
        authorizations::has_due_key_for_worker(&storage, at(now))
            .await
            .unwrap()
    };
    assert_eq!((has_due(659).await, has_due(660).await), (false, true));

    corrupt(&storage, "authorizations SET status = 'EXCHANGING'").await;
    let interrupted = authorizations::list_interrupted_for_worker(&storage, at(660), 1).await;
    let ids: Vec<_> = interrupted
        .unwrap()
        .iter()
        .map(|attempt| attempt.id)
        .collect();
    assert_eq!(ids, [attempt_id(2)]);
}

async fn a_grant_that_cannot_be_read_holds_up_no_other(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    for (number, state, end) in [(1, 1, 1001), (2, 2, 1002)] {
        begin(&storage, &attempt(number, AuthType::Url), link(state)).await;
        let mut grant = grant(number);
        grant.expires_at = Some(at(end));
        let secrets = grant_secrets(grant.id);
        storage
            .write(async |tx| grants::insert(tx, &grant, secrets).await)
            .await
            .unwrap();
    }
    let change = format!("grants SET platform = 'EBAY' {}", first(database));
    corrupt(&storage, &change).await;
    let expired = grants::list_expired_for_worker(&storage, at(2000), 1).await;
    let ids: Vec<_> = expired.unwrap().iter().map(|ending| ending.grant).collect();
    assert_eq!(ids, [grant_id(2)]);
}
