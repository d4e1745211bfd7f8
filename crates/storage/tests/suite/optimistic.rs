//! Work that is tried without a transaction first leaves exactly what a transaction would leave.

use std::sync::atomic::{AtomicUsize, Ordering};

use domain::ShopLabel;
use storage::claims::Uniqueness;
use storage::{Storage, StorageError, Tx, claims, nonces, stores};
use tokio::task::{JoinSet, LocalSet};

use crate::claims::claimant;
use crate::database::{TestDatabase, number};
use crate::world::{ALPHA, at, hash, settle_stores, shop, store_id};

on_both! {
    changes_that_meet_follow_one_another,
    a_used_nonce_takes_the_change_along,
    what_needs_a_transaction_gets_one,
    an_error_writes_nothing,
    what_is_held_after_all_is_found,
}

/// Changes the store, and uses up a nonce with it.
async fn change(tx: &Tx, nonce: u8) -> Result<(), StorageError> {
    let found = stores::find_locked(tx, ALPHA, store_id(1)).await?;
    stores::update(tx, &found.expect("store 1").changed()).await?;
    nonces::consume(tx, ALPHA, hash(nonce), at(300)).await
}

async fn change_once(storage: &Storage, nonce: u8) -> Result<(), StorageError> {
    storage
        .write_optimistically(async |tx: &Tx| change(tx, nonce).await)
        .await
}

async fn revision(storage: &Storage) -> i64 {
    let found = stores::find(storage, ALPHA, store_id(1)).await.unwrap();
    found.expect("store 1").revision
}

async fn nonces_kept(storage: &Storage) -> i64 {
    number(storage, "SELECT COUNT(*) FROM nonces").await
}

async fn changes_that_meet_follow_one_another(database: &TestDatabase) {
    let processes = [database.open_migrated().await, database.open().await];
    settle_stores(&processes[0]).await;
    let before = revision(&processes[0]).await;
    let local = LocalSet::new();
    let mut writing = JoinSet::new();
    for serial in 0..40 {
        let storage = processes[usize::from(serial % 2)].clone();
        writing.spawn_local_on(async move { change_once(&storage, serial).await }, &local);
    }
    let changed = local.run_until(writing.join_all()).await;
    for result in changed {
        result.expect("who is overtaken is done once more");
    }
    assert_eq!(revision(&processes[0]).await, before + 40);
    assert_eq!(nonces_kept(&processes[0]).await, 40);
}

async fn a_used_nonce_takes_the_change_along(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let before = revision(&storage).await;
    change_once(&storage, 1).await.unwrap();
    let again = change_once(&storage, 1).await;
    assert!(matches!(again, Err(StorageError::NonceUsed)), "{again:?}");
    assert_eq!(revision(&storage).await, before + 1);
}

/// What writes at once, or reads what it has just written, or writes one table twice.
async fn what_needs_a_transaction_gets_one(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let before = revision(&storage).await;
    let runs = AtomicUsize::new(0);
    storage
        .write_optimistically(async |tx| {
            runs.fetch_add(1, Ordering::Relaxed);
            change(tx, 1).await?;
            claims::free(tx, store_id(1)).await
        })
        .await
        .unwrap();
    storage
        .write_optimistically(async |tx| {
            runs.fetch_add(1, Ordering::Relaxed);
            change(tx, 2).await?;
            change(tx, 3).await
        })
        .await
        .unwrap();
    assert_eq!(revision(&storage).await, before + 3);
    assert_eq!(nonces_kept(&storage).await, 3);
    assert_eq!(runs.into_inner(), 4, "each was tried, and then done");
}

async fn an_error_writes_nothing(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let before = revision(&storage).await;
    let failed = storage
        .write_optimistically(async |tx| {
            change(tx, 1).await?;
            Err::<(), _>(StorageError::Unsealable { place: "a test" })
        })
        .await;
    assert!(matches!(failed, Err(StorageError::Unsealable { .. })));
    assert_eq!(revision(&storage).await, before);
    assert_eq!(nonces_kept(&storage).await, 0);
}

/// That nobody holds the shop is taken for granted at first, and looked at with the writes.
async fn what_is_held_after_all_is_found(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let holder = claimant(Uniqueness::Broker, ALPHA, 1);
    let is_held = async |store, nonce| {
        let asking = claimant(Uniqueness::Broker, ALPHA, store);
        let label = ShopLabel::from_checked("demo");
        let answer = storage.write_optimistically(async |tx| {
            let is_held = claims::is_shop_held_by_another_store(tx, asking, &label).await?;
            nonces::consume(tx, ALPHA, hash(nonce), at(300)).await?;
            Ok::<_, StorageError>(is_held)
        });
        answer.await.unwrap()
    };
    assert!(!is_held(2, 1).await);
    let held = shop("9001", Some("demo"));
    let taken = storage.write(async |tx| claims::take_shop(tx, holder, &held).await);
    assert!(taken.await.unwrap());
    assert!(is_held(2, 2).await);
    assert!(!is_held(1, 3).await, "it is its own");
    assert_eq!(nonces_kept(&storage).await, 3);
}
