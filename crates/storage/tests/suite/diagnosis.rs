//! What an operator is told about a database.

use chrono::TimeDelta;
use domain::InstitutionKeyId;
use storage::diagnosis::{self, KeyringTrial, Product};
use storage::institutions::{self, InstitutionKey};
use storage::sealing::{Keyring, Place};
use storage::{Storage, StorageError};
use uuid::Uuid;

use crate::database::{TestDatabase, execute, number};
use crate::world::{ALPHA, at, institution, keyring, sealed};

on_both! {
    a_measured_commit_leaves_nothing_behind,
    the_database_says_what_it_is_and_what_time_it_has,
    the_steps_of_a_newer_version_are_known_and_no_hindrance,
    a_key_that_opens_nothing_is_noticed,
}

async fn a_measured_commit_leaves_nothing_behind(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    for _ in 0..2 {
        let commit = diagnosis::commit_once(&storage, [7; 32], at(0));
        commit.await.unwrap();
    }
    assert_eq!(number(&storage, "SELECT COUNT(*) FROM nonces").await, 0);
}

async fn the_database_says_what_it_is_and_what_time_it_has(database: &TestDatabase) {
    let storage = database.open().await;
    let server = diagnosis::server(&storage).await.unwrap();
    assert_eq!(
        server.product == Product::Postgres,
        database.is_postgres(),
        "{server:?}"
    );
    assert!(server.version.contains('.'), "{server:?}");
    #[expect(
        clippy::disallowed_methods,
        reason = "the database runs by the clock on the wall"
    )]
    let now = chrono::Utc::now();
    let skew = now - diagnosis::database_time(&storage).await.unwrap();
    assert!(skew.abs() < TimeDelta::minutes(1), "{skew}");
    if !database.is_postgres() {
        let file = diagnosis::sqlite_file(database.url()).unwrap();
        assert!(file.is_file());
        return;
    }
    assert_eq!(diagnosis::sqlite_file(database.url()), None);
    let settings = diagnosis::postgres_settings(&storage).await.unwrap();
    let names: Vec<_> = settings
        .durability
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["fsync", "full_page_writes", "synchronous_commit"]);
    assert!(settings.connections >= 1 && settings.max_connections >= settings.connections);
    assert!(settings.per_process > 1);
}

async fn the_steps_of_a_newer_version_are_known_and_no_hindrance(database: &TestDatabase) {
    let storage = database.open().await;
    // Nothing is there yet, and asking changes nothing.
    let steps = async |storage: &Storage| diagnosis::unknown_steps(storage).await.unwrap();
    assert!(steps(&storage).await.is_empty());
    assert!(storage.check_schema().await.is_err());
    storage.migrate().await.unwrap();
    assert!(steps(&storage).await.is_empty());
    for name in ["m9999_later", "m9998_late"] {
        let sql =
            format!("INSERT INTO seaql_migrations (version, applied_at) VALUES ('{name}', 0)");
        execute(&storage, &sql).await.unwrap();
    }
    assert_eq!(steps(&storage).await, ["m9998_late", "m9999_later"]);
    storage.check_schema().await.unwrap();
    storage.migrate().await.unwrap();
    assert_eq!(steps(&storage).await.len(), 2);
}

async fn a_key_that_opens_nothing_is_noticed(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    let trial = async |keyring: Keyring| {
        let trial = diagnosis::try_keyring(&storage, &keyring).await;
        trial.unwrap()
    };
    assert_eq!(trial(keyring()).await, KeyringTrial::default());
    let id = InstitutionKeyId::new(Uuid::from_u128(1));
    let key = InstitutionKey {
        id,
        secret: sealed(Place::InstitutionSecret(id), "of the institution"),
        expires_at: None,
    };
    storage
        .write(async |tx| {
            institutions::insert(tx, &institution(ALPHA)).await?;
            institutions::insert_key(tx, ALPHA, &key, at(0)).await?;
            Ok::<_, StorageError>(())
        })
        .await
        .unwrap();
    assert_eq!(trial(keyring()).await.opened, ["institutions' secrets"]);
    let other = trial(Keyring::new([8; 32])).await;
    assert_eq!(other.closed, ["institutions' secrets"]);
    assert!(other.opened.is_empty());
}
