//! Who waits for whom, what is kept, and the schema.

use std::convert::Infallible;
use std::future::pending;

use domain::Client;
use storage::{OpenError, Storage, StorageError, Tx, clients, nonces};
use tokio::sync::oneshot;

use crate::database::{PATIENCE, TestDatabase, at_once, number};
use crate::world::{ALPHA, at, client, client_id, hash, settle};

on_both! {
    writers_of_two_processes_wait_for_each_other,
    an_error_rolls_back_and_the_writer_goes_on,
    a_dropped_write_rolls_back_and_the_writer_goes_on,
    readers_neither_wait_nor_see_what_is_not_committed,
    an_empty_database_has_an_old_schema,
    processes_that_start_at_once_migrate_once,
}

async fn write_one(storage: &Storage, number: usize) -> Result<(), StorageError> {
    let mut nonce = hash(0);
    nonce[..8].copy_from_slice(&number.to_be_bytes());
    storage
        .write(async |tx| nonces::consume(tx, ALPHA, nonce, at(300)).await)
        .await
}

async fn writers_of_two_processes_wait_for_each_other(database: &TestDatabase) {
    let processes = [database.open_migrated().await, database.open().await];
    let written = at_once(200, |number| {
        let storage = processes[number % 2].clone();
        async move { write_one(&storage, number).await }
    })
    .await;
    for result in written {
        result.expect("it waits for the lock");
    }
    let kept = number(&processes[0], "SELECT COUNT(*) FROM nonces").await;
    assert_eq!(kept, 200);
}

async fn an_error_rolls_back_and_the_writer_goes_on(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    for _ in 0..30 {
        let failed = storage
            .write(async |tx| {
                write_nonce(tx).await?;
                Err::<Infallible, _>(StorageError::Unsealable { place: "a test" })
            })
            .await;
        assert!(matches!(failed, Err(StorageError::Unsealable { .. })));
    }
    storage
        .write(async |tx| nonces::consume(tx, ALPHA, hash(1), at(300)).await)
        .await
        .expect("it is fresh");
}

/// Writes a nonce now, and not at the end of the transaction.
async fn write_nonce(tx: &Tx) -> Result<(), StorageError> {
    nonces::consume(tx, ALPHA, hash(1), at(300)).await?;
    assert_eq!(number(tx, "SELECT COUNT(*) FROM nonces").await, 1);
    Ok(())
}

async fn a_dropped_write_rolls_back_and_the_writer_goes_on(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    for _ in 0..30 {
        let (wrote, has_written) = oneshot::channel();
        let writing = storage.write(async |tx| {
            write_nonce(tx).await?;
            wrote.send(()).expect("the test waits");
            pending::<Result<(), StorageError>>().await
        });
        tokio::select! {
            result = writing => panic!("it never ends: {result:?}"),
            written = has_written => written.expect("it was written"),
        }
    }
    tokio::time::timeout(
        PATIENCE,
        storage.write(async |tx| nonces::consume(tx, ALPHA, hash(1), at(300)).await),
    )
    .await
    .expect("the writer is free")
    .expect("it is fresh");
}

async fn readers_neither_wait_nor_see_what_is_not_committed(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let new = Client {
        id: client_id(9),
        partner_user_id: "seller-9".to_owned(),
        ..client(ALPHA)
    };
    let find = async || clients::find(&storage, ALPHA, new.id).await;
    storage
        .write(async |tx| {
            clients::insert_new(tx, &new).await?;
            assert_eq!(clients::find(tx, ALPHA, new.id).await?.as_ref(), Some(&new));
            let outside = tokio::time::timeout(PATIENCE, find())
                .await
                .expect("no reader waits for a writer")?;
            assert_eq!(outside, None);
            Ok::<_, StorageError>(())
        })
        .await
        .unwrap();
    assert_eq!(find().await.unwrap().as_ref(), Some(&new));
}

async fn an_empty_database_has_an_old_schema(database: &TestDatabase) {
    let storage = database.open().await;
    storage.check_alive().await.unwrap();
    let check = storage.check_schema().await;
    assert!(matches!(check, Err(OpenError::SchemaIsOld)), "{check:?}");
    // Twice, since a check that changed something would answer otherwise now.
    let check = storage.check_schema().await;
    assert!(matches!(check, Err(OpenError::SchemaIsOld)), "{check:?}");
    storage.migrate().await.unwrap();
    storage.check_schema().await.unwrap();
    settle(&storage).await;
    storage.migrate().await.unwrap();
    let kept = number(&storage, "SELECT COUNT(*) FROM institutions").await;
    assert_eq!(kept, 2);
}

async fn processes_that_start_at_once_migrate_once(database: &TestDatabase) {
    let started = at_once(4, |_| {
        let url = database.url().to_owned();
        async move {
            let storage = Storage::open(&url).await?;
            storage.migrate().await
        }
    })
    .await;
    for result in started {
        result.expect("the others wait for the first");
    }
    let storage = database.open().await;
    storage.check_schema().await.unwrap();
    let places = number(&storage, "SELECT COUNT(*) FROM counters").await;
    assert_eq!(places, 1);
}

#[tokio::test]
async fn sqlite_keeps_what_it_commits() {
    let database = TestDatabase::sqlite();
    let storage = database.open_migrated().await;
    storage
        .write(async |tx| {
            let mode = "SELECT COUNT(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'";
            assert_eq!(number(tx, mode).await, 1);
            assert_eq!(number(tx, "PRAGMA synchronous").await, 2, "FULL");
            assert_eq!(number(tx, "PRAGMA foreign_keys").await, 1);
            assert_eq!(number(tx, "PRAGMA busy_timeout").await, 10_000);
            Ok::<_, StorageError>(())
        })
        .await
        .unwrap();
    assert_eq!(number(&storage, "PRAGMA foreign_keys").await, 1);
}
