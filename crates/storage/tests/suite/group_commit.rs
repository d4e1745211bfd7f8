//! On SQLite, writers that wait at the same time share a commit, and nothing else.

use std::future::pending;

use storage::{Storage, StorageError, Tx, nonces};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use crate::database::{PATIENCE, TestDatabase, number};
use crate::world::{ALPHA, at, hash};

/// Writes a nonce now, and not at the end of the transaction.
async fn write_nonce(tx: &Tx, serial: u8) -> Result<(), StorageError> {
    nonces::consume(tx, ALPHA, hash(serial), at(300)).await?;
    number(tx, "SELECT COUNT(*) FROM nonces").await;
    Ok(())
}

async fn kept(storage: &Storage) -> i64 {
    number(storage, "SELECT COUNT(*) FROM nonces").await
}

/// Holds the writer until the others stand in line behind it.
async fn hold(storage: &Storage, until: oneshot::Receiver<()>) -> Result<(), StorageError> {
    storage
        .write(async |tx| {
            write_nonce(tx, 0).await?;
            until.await.expect("the test lets go");
            Ok(())
        })
        .await
}

#[tokio::test]
async fn one_that_fails_and_one_that_is_dropped_take_nobody_along() {
    let database = TestDatabase::sqlite();
    let storage = database.open_migrated().await;
    let (let_go, until) = oneshot::channel();
    let mut writing = JoinSet::new();
    let holder = storage.clone();
    writing.spawn(async move { hold(&holder, until).await });
    for serial in 1..=20 {
        let storage = storage.clone();
        writing.spawn(async move {
            storage
                .write(async |tx| {
                    write_nonce(tx, serial).await?;
                    if serial % 5 == 0 {
                        return Err(StorageError::Unsealable { place: "a test" });
                    }
                    Ok(())
                })
                .await
        });
    }
    // One of them stands in the midst of the line, and is dropped when it is at work.
    let (wrote, has_written) = oneshot::channel();
    let dropped = storage.clone();
    let mut hanging = JoinSet::new();
    hanging.spawn(async move {
        dropped
            .write(async |tx| {
                write_nonce(tx, 99).await?;
                wrote.send(()).expect("the test waits");
                pending::<Result<(), StorageError>>().await
            })
            .await
    });
    for serial in 21..=30 {
        let storage = storage.clone();
        writing.spawn(async move {
            storage
                .write(async |tx| write_nonce(tx, serial).await)
                .await
        });
    }
    tokio::task::yield_now().await;
    let_go.send(()).expect("it holds the writer");
    tokio::time::timeout(PATIENCE, has_written)
        .await
        .expect("it comes to its turn")
        .expect("it writes");
    hanging.abort_all();

    let results = tokio::time::timeout(PATIENCE, writing.join_all())
        .await
        .expect("nobody waits for the one that was dropped");
    let failed = results.iter().filter(|result| result.is_err()).count();
    assert_eq!(failed, 4);
    assert_eq!(kept(&storage).await, 31 - 4);
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_committed_all_the_same() {
    let database = TestDatabase::sqlite();
    let storage = database.open_migrated().await;
    let other_process = database.open().await;
    let at_work = Semaphore::new(0);
    {
        let writing = storage.write(async |tx| {
            write_nonce(tx, 1).await?;
            at_work.add_permits(1);
            Ok::<_, StorageError>(())
        });
        // Its work is done with the first permit, and it is dropped while it waits for the commit.
        tokio::select! {
            biased;
            permit = at_work.acquire() => drop(permit.expect("it is open")),
            result = writing => result.expect("or it was even faster"),
        }
    }
    // The lock of the file is free again, for this process and for others.
    let next = other_process.write(async |tx| write_nonce(tx, 2).await);
    tokio::time::timeout(PATIENCE, next)
        .await
        .expect("nobody holds the lock")
        .expect("it is written");
    assert!(kept(&storage).await >= 1);
}

#[tokio::test]
async fn a_full_disk_fails_everybody_it_concerns_and_nobody_after_it() {
    let database = TestDatabase::sqlite();
    let storage = database.open_migrated().await;
    storage
        .write(async |tx| write_nonce(tx, 1).await)
        .await
        .unwrap();
    // SQLite answers as it does on a full disk once the file may not grow.
    let pages = number(&storage, "PRAGMA page_count").await;
    let limit = format!("PRAGMA max_page_count = {pages}");
    for _ in 0..3 {
        let written = storage
            .write(async |tx| {
                number(tx, &limit).await;
                for serial in 2..=u8::MAX {
                    nonces::consume(tx, ALPHA, hash(serial), at(300)).await?;
                }
                Ok(())
            })
            .await;
        let Err(StorageError::Database(cause)) = written else {
            panic!("it fits into {pages} pages: {written:?}");
        };
        assert!(cause.to_string().contains("full"), "{cause}");
    }
    storage
        .write(async |tx| {
            number(tx, "PRAGMA max_page_count = 1073741823").await;
            write_nonce(tx, 2).await
        })
        .await
        .expect("there is room again");
    assert_eq!(kept(&storage).await, 2);
}
