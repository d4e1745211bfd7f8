//! Changes of a store, and what an institution sees of its stores.

use domain::{AuthStatus, AuthType, FailReason, InstitutionId, Platform, Store};
use storage::stores::{self, StoreFilter};
use storage::{Storage, StorageError};

use crate::database::{TestDatabase, at_once};
use crate::world::{ALPHA, BETA, at, attempt_id, client, settle_stores, store, store_id};

on_both! {
    a_change_of_what_was_overtaken_is_stale,
    changes_under_the_lock_follow_one_another,
    an_unbound_store_is_found_by_nobody,
    another_institution_finds_no_store,
    lists_are_narrowed_and_paged,
}

async fn update(storage: &Storage, store: &Store) -> Result<(), StorageError> {
    storage
        .write(async |tx| stores::update(tx, store).await)
        .await
}

async fn a_change_of_what_was_overtaken_is_stale(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let read = stores::find(&storage, ALPHA, store_id(1))
        .await
        .unwrap()
        .expect("store 1");
    let first = Store {
        name: "First".to_owned(),
        ..read.clone().changed()
    };
    let second = Store {
        name: "Second".to_owned(),
        ..read.changed()
    };
    update(&storage, &first).await.unwrap();
    let overtaken = update(&storage, &second).await;
    let Err(StorageError::Stale { table, id }) = overtaken else {
        panic!("{overtaken:?}");
    };
    assert_eq!((table, id), ("stores", store_id(1).to_string()));
    let found = stores::find(&storage, ALPHA, store_id(1)).await.unwrap();
    assert_eq!(found, Some(first));
}

/// Begins and fails an attempt: one event more for the store.
async fn fail_once(storage: &Storage, number: u128) {
    storage
        .write(async |tx| {
            let store = stores::find_locked(tx, ALPHA, store_id(1)).await?;
            let begun = store
                .expect("store 1")
                .begin(attempt_id(number), AuthType::Url, None)
                .expect("it is not authorized");
            stores::update(tx, &begun).await?;
            let failed = begun
                .fail(attempt_id(number), FailReason::UserDenied)
                .expect("it is the current attempt");
            stores::update(tx, &failed).await
        })
        .await
        .expect("nobody comes in between");
}

async fn changes_under_the_lock_follow_one_another(database: &TestDatabase) {
    // Two processes: on SQLite one writing connection alone would already keep the order.
    let processes = [database.open_migrated().await, database.open().await];
    settle_stores(&processes[0]).await;
    at_once(2, |number| {
        let storage = processes[number].clone();
        async move { fail_once(&storage, number as u128).await }
    })
    .await;
    let sequence = async || {
        let found = stores::find(&processes[0], ALPHA, store_id(1))
            .await
            .unwrap();
        found.map(|store| (store.sequence, store.revision))
    };
    assert_eq!(sequence().await, Some((2, 4)));
    at_once(16, |number| {
        let storage = processes[number % 2].clone();
        async move { fail_once(&storage, number as u128).await }
    })
    .await;
    assert_eq!(sequence().await, Some((18, 36)));
}

async fn an_unbound_store_is_found_by_nobody(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let unbound = store(1, ALPHA).unbind();
    storage
        .write(async |tx| stores::update_unbound(tx, &unbound, at(9)).await)
        .await
        .unwrap();
    let found = stores::find(&storage, ALPHA, store_id(1)).await.unwrap();
    assert_eq!(found, None);
    let locked = storage
        .write(async |tx| stores::find_locked(tx, ALPHA, store_id(1)).await)
        .await
        .unwrap();
    assert_eq!(locked, None);
    let left = stores::list(&storage, ALPHA, StoreFilter::default(), 10)
        .await
        .unwrap();
    assert_eq!(left, [store(2, ALPHA)]);
    let again = update(&storage, &unbound.changed()).await;
    assert!(matches!(again, Err(StorageError::Stale { .. })));
}

async fn another_institution_finds_no_store(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let found = stores::find(&storage, BETA, store_id(1)).await.unwrap();
    assert_eq!(found, None);
    let locked = storage
        .write(async |tx| stores::find_locked(tx, BETA, store_id(1)).await)
        .await
        .unwrap();
    assert_eq!(locked, None);
    let of_beta = stores::list(&storage, BETA, StoreFilter::default(), 10)
        .await
        .unwrap();
    assert_eq!(of_beta, [store(3, BETA)]);
    let by_foreign_client = StoreFilter {
        client: Some(client(ALPHA).id),
        ..StoreFilter::default()
    };
    let none = stores::list(&storage, BETA, by_foreign_client, 10)
        .await
        .unwrap();
    assert_eq!(none, []);
    let moved = Store {
        institution: BETA,
        ..store(1, ALPHA).changed()
    };
    let update = update(&storage, &moved).await;
    assert!(matches!(update, Err(StorageError::Stale { .. })));
}

async fn lists_are_narrowed_and_paged(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let processing = store(2, ALPHA)
        .begin(attempt_id(2), AuthType::Url, None)
        .unwrap();
    let genstore = Store {
        platform: Platform::Genstore,
        ..store(4, ALPHA)
    };
    storage
        .write(async |tx| {
            stores::update(tx, &processing).await?;
            stores::insert(tx, &genstore).await
        })
        .await
        .unwrap();
    let any = StoreFilter::default();
    for (filter, limit, expected) in [
        (any, 10, vec![1, 2, 4]),
        (any, 2, vec![1, 2]),
        (
            StoreFilter {
                after: Some(store_id(2)),
                ..any
            },
            10,
            vec![4],
        ),
        (
            StoreFilter {
                status: Some(AuthStatus::Processing),
                ..any
            },
            10,
            vec![2],
        ),
        (
            StoreFilter {
                platform: Some(Platform::Genstore),
                ..any
            },
            10,
            vec![4],
        ),
        (
            StoreFilter {
                client: Some(client(BETA).id),
                ..any
            },
            10,
            vec![],
        ),
    ] {
        assert_eq!(
            listed(&storage, ALPHA, filter, limit).await,
            expected,
            "{filter:?}"
        );
    }
}

async fn listed(
    storage: &Storage,
    institution: InstitutionId,
    filter: StoreFilter,
    limit: u64,
) -> Vec<u128> {
    let found = stores::list(storage, institution, filter, limit)
        .await
        .unwrap();
    found
        .iter()
        .map(|store| store.id.uuid().as_u128())
        .collect()
}
