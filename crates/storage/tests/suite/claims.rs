//! Which store owns a shop or a credential.

use domain::{IdentityRealm, InstitutionId, ShopLabel};
use storage::claims::{self, Claimant, Uniqueness};
use storage::{Storage, StorageError, stores};

use crate::database::{TestDatabase, at_once};
use crate::world::{ALPHA, BETA, fingerprint, settle, settle_stores, shop, store, store_id};

on_both! {
    a_shop_has_one_owner_in_the_broker,
    a_shop_has_one_owner_per_institution_where_that_is_the_rule,
    a_credential_has_one_owner_and_is_no_shop,
    realms_are_kept_apart,
    of_many_stores_that_take_one_shop_one_gets_it,
    a_freed_claim_can_be_taken,
    only_stores_of_the_same_institution_show_what_is_held,
}

pub(crate) fn claimant(
    uniqueness: Uniqueness,
    institution: InstitutionId,
    store: u128,
) -> Claimant {
    Claimant {
        uniqueness,
        realm: IdentityRealm::Shopline,
        institution,
        store: store_id(store),
    }
}

async fn take_shop(storage: &Storage, claimant: Claimant, value: &str) -> bool {
    let shop = shop(value, Some("demo"));
    storage
        .write(async |tx| claims::take_shop(tx, claimant, &shop).await)
        .await
        .unwrap()
}

async fn take_credential(storage: &Storage, claimant: Claimant, text: &str) -> bool {
    let fingerprint = fingerprint(text);
    storage
        .write(async |tx| claims::take_credential(tx, claimant, &fingerprint).await)
        .await
        .unwrap()
}

async fn a_shop_has_one_owner_in_the_broker(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let first = claimant(Uniqueness::Broker, ALPHA, 1);
    assert!(take_shop(&storage, first, "9001").await);
    for (institution, store) in [(ALPHA, 2), (BETA, 3)] {
        let other = claimant(Uniqueness::Broker, institution, store);
        assert!(!take_shop(&storage, other, "9001").await, "store {store}");
        assert!(take_shop(&storage, other, &format!("900{store}")).await);
    }
}

async fn a_shop_has_one_owner_per_institution_where_that_is_the_rule(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let taken = async |institution, store| {
        let claimant = claimant(Uniqueness::Institution, institution, store);
        take_shop(&storage, claimant, "9001").await
    };
    assert!(taken(ALPHA, 1).await);
    assert!(!taken(ALPHA, 2).await);
    assert!(taken(BETA, 3).await);
}

async fn a_credential_has_one_owner_and_is_no_shop(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let (first, second) = (
        claimant(Uniqueness::Broker, ALPHA, 1),
        claimant(Uniqueness::Broker, ALPHA, 2),
    );
    assert!(take_credential(&storage, first, "ck_1").await);
    assert!(!take_credential(&storage, second, "ck_1").await);
    assert!(take_credential(&storage, second, "ck_2").await);
    assert!(take_shop(&storage, second, "9001").await);
}

async fn realms_are_kept_apart(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let first = claimant(Uniqueness::Broker, ALPHA, 1);
    assert!(take_shop(&storage, first, "9001").await);
    let elsewhere = Claimant {
        realm: IdentityRealm::Genstore,
        ..claimant(Uniqueness::Broker, ALPHA, 2)
    };
    assert!(take_shop(&storage, elsewhere, "9001").await);
}

async fn of_many_stores_that_take_one_shop_one_gets_it(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    storage
        .write(async |tx| {
            for number in 0..16 {
                stores::insert(tx, &store(number, ALPHA)).await?;
            }
            Ok::<_, StorageError>(())
        })
        .await
        .unwrap();
    let taken = at_once(16, |number| {
        let storage = storage.clone();
        let claimant = claimant(Uniqueness::Broker, ALPHA, number as u128);
        async move { take_shop(&storage, claimant, "9001").await }
    })
    .await;
    assert_eq!(taken.iter().filter(|&&taken| taken).count(), 1);
}

async fn a_freed_claim_can_be_taken(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    let (first, second) = (
        claimant(Uniqueness::Broker, ALPHA, 1),
        claimant(Uniqueness::Broker, ALPHA, 2),
    );
    assert!(take_shop(&storage, first, "9001").await);
    assert!(take_credential(&storage, first, "ck_1").await);
    assert!(take_shop(&storage, second, "9002").await);
    storage
        .write(async |tx| claims::free(tx, store_id(1)).await)
        .await
        .unwrap();
    assert!(take_shop(&storage, second, "9001").await);
    assert!(take_credential(&storage, second, "ck_1").await);
    assert!(
        !take_shop(&storage, first, "9002").await,
        "store 2 kept its own"
    );
}

async fn only_stores_of_the_same_institution_show_what_is_held(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle_stores(&storage).await;
    // Store 1 holds 9001, whose label is "demo", and a credential.
    let first = claimant(Uniqueness::Broker, ALPHA, 1);
    assert!(take_shop(&storage, first, "9001").await);
    assert!(take_credential(&storage, first, "ck_1").await);
    for (institution, store, realm, text, held) in [
        (ALPHA, 2, IdentityRealm::Shopline, "demo", true),
        (ALPHA, 2, IdentityRealm::Shopline, "9001", true),
        (ALPHA, 2, IdentityRealm::Shopline, "9002", false),
        (ALPHA, 2, IdentityRealm::Genstore, "demo", false),
        (ALPHA, 1, IdentityRealm::Shopline, "demo", false),
        (BETA, 3, IdentityRealm::Shopline, "demo", false),
        (BETA, 3, IdentityRealm::Shopline, "9001", false),
    ] {
        let asking = Claimant {
            realm,
            ..claimant(Uniqueness::Broker, institution, store)
        };
        let label = ShopLabel::from_checked(text);
        let seen = storage
            .write(async |tx| claims::is_shop_held_by_another_store(tx, asking, &label).await)
            .await;
        assert_eq!(seen.unwrap(), held, "{text} in {realm:?} for store {store}");
    }
    for (institution, store, text, held) in [
        (ALPHA, 2, "ck_1", true),
        (ALPHA, 2, "ck_2", false),
        (ALPHA, 1, "ck_1", false),
        (BETA, 3, "ck_1", false),
    ] {
        let asking = claimant(Uniqueness::Broker, institution, store);
        let print = fingerprint(text);
        let seen = storage
            .write(async |tx| claims::is_credential_held_by_another_store(tx, asking, &print).await)
            .await;
        assert_eq!(seen.unwrap(), held, "{text} for store {store}");
    }
}
