//! What the operator changes of an institution, and what the version before leaves to us.

use domain::InstitutionId;
use domain::institution::BusAccess;
use migrations::Migrator;
use sea_orm::Database;
use sea_orm_migration::MigratorTrait;
use storage::institutions::{self, InstitutionChange};
use storage::{Storage, StorageError};
use uuid::Uuid;

use crate::database::{TestDatabase, execute};
use crate::world::{ALPHA, BETA, institution, settle};

on_both! {
    a_change_touches_what_it_names,
    those_with_access_to_the_bus_are_listed,
    the_version_before_goes_on_inserting,
    what_the_version_before_has_inserted_is_kept,
}

async fn change(storage: &Storage, change: InstitutionChange) -> Result<(), StorageError> {
    storage
        .write(async |tx| institutions::update(tx, ALPHA, &change).await)
        .await
}

async fn a_change_touches_what_it_names(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let mut expected = institution(ALPHA);
    let rename = InstitutionChange {
        name: Some("New Pay".to_owned()),
        ..InstitutionChange::default()
    };
    let origins = vec!["https://new.example".to_owned()];
    let replace = InstitutionChange {
        redirect_origins: Some(origins.clone()),
        ..InstitutionChange::default()
    };
    let grant = InstitutionChange {
        bus_access: Some(BusAccess::Granted),
        ..InstitutionChange::default()
    };

    change(&storage, InstitutionChange::default())
        .await
        .unwrap();
    change(&storage, rename.clone()).await.unwrap();
    "New Pay".clone_into(&mut expected.name);
    let found = institutions::find(&storage, ALPHA).await.unwrap();
    assert_eq!(found.as_ref(), Some(&expected));
    change(&storage, replace).await.unwrap();
    expected.redirect_origins = origins;
    change(&storage, grant).await.unwrap();
    expected.bus_access = BusAccess::Granted;
    let all = institutions::list(&storage).await.unwrap();
    assert_eq!(all, [expected, institution(BETA)]);

    let nobody = storage
        .write(async |tx| {
            institutions::update(tx, InstitutionId::new(Uuid::from_u128(99)), &rename).await
        })
        .await;
    assert!(
        matches!(nobody, Err(StorageError::Stale { .. })),
        "{nobody:?}"
    );
}

async fn those_with_access_to_the_bus_are_listed(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let listed = async || {
        institutions::list_bus_access_for_worker(&storage)
            .await
            .unwrap()
    };
    assert_eq!(listed().await, []);
    for access in [BusAccess::Granted, BusAccess::Revoked] {
        let bus_access = Some(access);
        let set = InstitutionChange {
            bus_access,
            ..InstitutionChange::default()
        };
        change(&storage, set).await.unwrap();
        assert_eq!(listed().await, [(institution(ALPHA).app_id, access)]);
    }
    let wrong = "UPDATE institutions SET bus_access = 'SOMETIMES'";
    assert!(execute(&storage, wrong).await.is_err());
}

/// An institution as a program writes it that knows the first step of the schema alone.
fn insert_of_the_version_before(database: &TestDatabase) -> String {
    let id = if database.is_postgres() {
        "'00000000-0000-0000-0000-000000000007'"
    } else {
        "x'00000000000000000000000000000007'"
    };
    format!(
        "INSERT INTO institutions (id, app_id, name, redirect_origins, created_at) \
         VALUES ({id}, 'app_before', 'Before Pay', '[]', 0)"
    )
}

async fn assert_without_access(storage: &Storage) {
    let all = institutions::list(storage).await.unwrap();
    let [only] = &all[..] else {
        panic!("{all:?}");
    };
    assert_eq!(
        (only.app_id.as_str(), only.bus_access),
        ("app_before", BusAccess::None)
    );
}

async fn the_version_before_goes_on_inserting(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    execute(&storage, &insert_of_the_version_before(database))
        .await
        .unwrap();
    assert_without_access(&storage).await;
}

async fn what_the_version_before_has_inserted_is_kept(database: &TestDatabase) {
    let storage = database.open().await;
    let connection = Database::connect(database.url()).await.unwrap();
    Migrator::up(&connection, Some(1)).await.unwrap();
    connection.close().await.unwrap();
    execute(&storage, &insert_of_the_version_before(database))
        .await
        .unwrap();

    storage.migrate().await.unwrap();

    assert_without_access(&storage).await;
}
