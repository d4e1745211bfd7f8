//! Batches that meet lock their rows in one order. Only PostgreSQL has such locks: on SQLite there is one writer.

use std::sync::atomic::{AtomicUsize, Ordering};

use domain::{DeliveryId, EventId};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use storage::deliveries::{self, NewDelivery};
use storage::sealing::Place;
use storage::{Executor, Storage, StorageError, endpoints, outbox};
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use crate::database::{PATIENCE, TestDatabase, execute, number};
use crate::world::{
    ALPHA, append, at, delivery_id, endpoint, endpoint_id, event, event_id, lease, place, sealed,
    settle,
};

const NUMBERS: [u128; 3] = [3, 1, 2];

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_batch_are_marked_as_published() {
    let batch = Batch::with_first_held("outbox").await;
    let storage = batch.storage.clone();
    let mut waiting = JoinSet::new();
    waiting.spawn(async move {
        let mark = storage.write(async |tx| {
            outbox::mark_published_for_worker(tx, lease(1), &events(), at(1), at(60)).await
        });
        mark.await
    });
    batch.others_are_free_until_the_end(waiting).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_batch_are_given_back() {
    let batch = Batch::with_first_held("outbox").await;
    let storage = batch.storage.clone();
    let mut waiting = JoinSet::new();
    waiting.spawn(async move {
        let release = storage
            .write(async |tx| outbox::release_for_worker(tx, lease(1), &events(), at(60)).await);
        release.await
    });
    batch.others_are_free_until_the_end(waiting).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_batch_have_their_effect() {
    let batch = Batch::with_first_held("outbox").await;
    let storage = batch.storage.clone();
    let mut waiting = JoinSet::new();
    waiting.spawn(async move {
        let record =
            storage.write(async |tx| outbox::record_effects_for_worker(tx, &events(), at(1)).await);
        record.await.map(drop)
    });
    batch.others_are_free_until_the_end(waiting).await;
}

/// As it is tried first: without a transaction, and all at once.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_batch_have_their_effect_at_once() {
    let batch = Batch::with_first_held("outbox").await;
    let storage = batch.storage.clone();
    let mut waiting = JoinSet::new();
    waiting.spawn(async move {
        let record = storage.write_optimistically(async |tx| {
            outbox::record_effects_for_worker(tx, &events(), at(1)).await
        });
        record.await.map(drop)
    });
    batch.others_are_free_until_the_end(waiting).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_of_a_batch_end_as_delivered() {
    let batch = Batch::with_first_held("deliveries").await;
    let storage = batch.storage.clone();
    let mut waiting = JoinSet::new();
    waiting.spawn(async move {
        let end = storage.write(async |tx| {
            deliveries::end_as_delivered_for_worker(tx, lease(1), &all_deliveries(), at(1)).await
        });
        end.await
    });
    batch.others_are_free_until_the_end(waiting).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_of_an_endpoint_are_abandoned() {
    let batch = Batch::with_first_held("deliveries").await;
    let storage = batch.storage.clone();
    let mut waiting = JoinSet::new();
    waiting.spawn(async move {
        let abandon =
            storage.write(async |tx| deliveries::abandon(tx, ALPHA, endpoint_id(1), at(1)).await);
        abandon.await
    });
    batch.others_are_free_until_the_end(waiting).await;
}

/// The list of rows is made before the wait, and their leases are looked at after it.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_lease_is_lost_meanwhile_is_left_alone() {
    let mut batch = Batch::with_first_held("outbox").await;
    let storage = batch.storage.clone();
    let mut waiting = JoinSet::new();
    waiting.spawn(async move {
        let mark = storage.write(async |tx| {
            outbox::mark_published_for_worker(tx, lease(1), &events(), at(1), at(60)).await
        });
        mark.await
    });
    batch.is_waited_for().await;
    let other = Uuid::from_u128(2);
    let take = format!("UPDATE outbox SET lease_id = '{other}' WHERE right(id::text, 12)::int = 1");
    ask(&mut batch.holder, &take).await.unwrap();
    ask(&mut batch.holder, "COMMIT").await.unwrap();
    waiting.join_next().await.unwrap().unwrap().unwrap();
    let marked = "SELECT SUM(right(id::text, 12)::int) FROM outbox WHERE published_at IS NOT NULL";
    assert_eq!(number(&batch.storage, marked).await, 2 + 3);
    batch.end().await;
}

/// Outside of one, nothing would stay locked.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_locks_is_asked_in_a_transaction() {
    let database = TestDatabase::postgres().await;
    let storage = database.open_migrated().await;
    for lock in ["FOR UPDATE", "FOR NO KEY UPDATE"] {
        let tried = AtomicUsize::new(0);
        storage
            .write_optimistically(async |tx| {
                tried.fetch_add(1, Ordering::Relaxed);
                let sql = format!("SELECT id FROM stores {lock}");
                let question = Statement::from_string(DbBackend::Postgres, sql);
                tx.connection().query_all_raw(question).await?;
                Ok::<_, StorageError>(())
            })
            .await
            .unwrap();
        assert_eq!(tried.into_inner(), 2, "{lock}");
    }
    drop(storage);
    database.delete().await;
}

fn events() -> [EventId; 3] {
    NUMBERS.map(event_id)
}

fn all_deliveries() -> [DeliveryId; 3] {
    NUMBERS.map(delivery_id)
}

/// Three events and a delivery of each. Of one table, somebody holds the first row.
struct Batch {
    database: TestDatabase,
    storage: Storage,
    table: &'static str,
    holder: PgConnection,
}

impl Batch {
    async fn with_first_held(table: &'static str) -> Self {
        let database = TestDatabase::postgres().await;
        let storage = three_leased(&database).await;
        let mut holder = PgConnection::connect(database.url()).await.unwrap();
        ask(&mut holder, "BEGIN").await.unwrap();
        assert_eq!(lock(&mut holder, table, "= 1").await.unwrap(), 1);
        Self {
            database,
            storage,
            table,
            holder,
        }
    }

    /// Whoever has to wait for the first row holds none of the others meanwhile, and gets all of them later.
    async fn others_are_free_until_the_end(
        mut self,
        mut waiting: JoinSet<Result<(), StorageError>>,
    ) {
        let mut watcher = self.is_waited_for().await;
        let others = lock(&mut watcher, self.table, "IN (2, 3)").await;
        assert_eq!(others.expect("nobody holds them"), 2);

        ask(&mut self.holder, "ROLLBACK").await.unwrap();
        waiting.join_next().await.unwrap().unwrap().unwrap();
        watcher.close().await.unwrap();
        self.end().await;
    }

    /// Returns when somebody waits for the first row.
    async fn is_waited_for(&self) -> PgConnection {
        let mut watcher = PgConnection::connect(self.database.url()).await.unwrap();
        let blocked = "SELECT 1 FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let deadline = Instant::now() + PATIENCE;
        while ask(&mut watcher, blocked).await.unwrap() == 0 {
            assert!(Instant::now() < deadline, "nobody waits for the row");
        }
        watcher
    }

    async fn end(self) {
        self.holder.close().await.unwrap();
        drop(self.storage);
        self.database.delete().await;
    }
}

/// How many rows it locks, for as long as the connection's transaction goes on. Fails if one of them is locked.
async fn lock(
    connection: &mut PgConnection,
    table: &str,
    numbers: &str,
) -> Result<usize, sqlx::Error> {
    let number = "right(id::text, 12)::int";
    let lock = format!("SELECT 1 FROM {table} WHERE {number} {numbers} FOR UPDATE NOWAIT");
    ask(connection, &lock).await
}

async fn ask(connection: &mut PgConnection, sql: &str) -> Result<usize, sqlx::Error> {
    let rows = sqlx::query(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await?;
    Ok(rows.len())
}

/// In both tables the first row lies behind the others, and is found by walking through them.
async fn three_leased(database: &TestDatabase) -> Storage {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    append(&storage, &NUMBERS.map(|number| event(number, ALPHA))).await;
    assert_eq!(place(&storage, 3).await, 3);
    let secret = sealed(Place::EndpointSecret(endpoint_id(1)), "whsec_1");
    let new = NUMBERS.map(|number| NewDelivery {
        id: delivery_id(number),
        event: event_id(number),
        endpoint: endpoint_id(1),
        institution: ALPHA,
        lease: Some((lease(1), at(60))),
    });
    storage
        .write(async |tx| {
            endpoints::insert(tx, &endpoint(1, ALPHA), secret).await?;
            outbox::lease_for_worker(tx, at(0), lease(1), at(60), 3).await?;
            deliveries::insert_for_worker(tx, &new, at(0)).await
        })
        .await
        .unwrap();
    // A row that is updated goes to the end.
    for number in [3, 2, 1] {
        for table in ["outbox", "deliveries"] {
            let touch = format!(
                "UPDATE {table} SET lease_until = lease_until WHERE right(id::text, 12)::int = {number}"
            );
            execute(&storage, &touch).await.unwrap();
        }
    }
    for kind in ["indexscan", "indexonlyscan", "bitmapscan"] {
        let off = format!(
            "DO $$ BEGIN EXECUTE format(
                'ALTER DATABASE %I SET enable_{kind} = off', current_database()); END $$"
        );
        execute(&storage, &off).await.unwrap();
    }
    // The settings are for connections to come.
    database.open().await
}
