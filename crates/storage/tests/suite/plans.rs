//! What names its rows by their ids finds them by their ids, however much waits in their table. Only PostgreSQL
//! plans by statistics, and those of a queue are of a moment at which it may have been empty.

use domain::delivery::DeliveryStatus;
use domain::{
    AuthType, Authorization, AuthorizationState, EventId, FailReason, Platform, PlatformAppId,
    PlatformEventId, PlatformEventKind, PlatformEventOutcome,
};
use sea_orm::ConnectionTrait;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use storage::authorizations::{self, Carried};
use storage::deliveries::{self, NewDelivery, Next};
use storage::platform_apps::PlatformApp;
use storage::platform_events::{self, NewPlatformEvent};
use storage::sealing::Place;
use storage::{Executor, Storage, StorageError, Tx, endpoints, outbox, platform_apps};
use uuid::Uuid;

use crate::database::{TestDatabase, execute, number};
use crate::world::{
    ALPHA, append, at, attempt, attempt_id, delivery_id, endpoint, endpoint_id, event, event_id,
    fingerprint, hash, key, lease, sealed, settle, settle_stores, store_id,
};

const NUMBERS: [u128; 3] = [1, 2, 3];

/// More than what one page of an index holds.
const BACKLOG: u128 = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn events_are_marked_by_their_ids() {
    let queue = Queue::of_events().await;
    queue
        .is_passed_by(async |tx| {
            outbox::mark_published_for_worker(tx, lease(1), &events(), at(1), at(60)).await
        })
        .await;
    queue
        .is_passed_by(async |tx| outbox::release_for_worker(tx, lease(1), &events(), at(60)).await)
        .await;
    queue
        .is_passed_by(async |tx| {
            let recorded = outbox::record_effects_for_worker(tx, &events(), at(1)).await?;
            assert_eq!(recorded.len(), NUMBERS.len());
            Ok(())
        })
        .await;
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_counted_by_their_ids() {
    let queue = Queue::of_deliveries().await;
    queue
        .is_passed_by(async |tx| {
            let again = Next::Try { at: at(9) };
            let counted =
                deliveries::count_attempt_for_worker(tx, delivery_id(1), lease(1), again, at(1));
            assert!(counted.await?);
            let end = Next::End(DeliveryStatus::Exhausted);
            let counted =
                deliveries::count_attempt_for_worker(tx, delivery_id(1), lease(1), end, at(1));
            assert!(counted.await?);
            Ok(())
        })
        .await;
    queue
        .is_passed_by(async |tx| {
            let all = NUMBERS.map(delivery_id);
            deliveries::end_as_delivered_for_worker(tx, lease(1), &all, at(1)).await
        })
        .await;
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_changed_by_their_ids() {
    let queue = Queue::of_attempts(AuthType::Url, link_of).await;
    queue
        .is_passed_by(async |tx| {
            authorizations::replace_state(tx, ALPHA, attempt_id(1), hash(9)).await
        })
        .await;
    queue
        .is_passed_by(async |tx| {
            let claimed = authorizations::claim(tx, attempt_id(1), lease(1), at(60)).await?;
            assert!(claimed);
            let extended = authorizations::extend_claim(tx, attempt_id(1), lease(1), at(90));
            assert!(extended.await?);
            Ok(())
        })
        .await;
    queue
        .is_passed_by(async |tx| {
            let before = AuthorizationState::Exchanging {
                lease: lease(1),
                lease_until: at(90),
            };
            let mut ended = attempt(1, AuthType::Url);
            ended.state = AuthorizationState::Succeeded;
            authorizations::finish(tx, &before, &ended, at(2)).await
        })
        .await;
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_waits_for_its_key_is_found_by_its_id() {
    let queue = Queue::of_attempts(AuthType::Key, |_| Carried::HostedLink).await;
    let waiting = Authorization {
        state: AuthorizationState::AwaitingKey,
        ..attempt(1, AuthType::Key)
    };
    queue
        .is_passed_by(async |tx| {
            let credential = sealed(Place::AuthorizationCredential(waiting.id), "key");
            let print = fingerprint("key");
            authorizations::take_key(tx, &waiting, credential, print, at(60), at(1)).await
        })
        .await;
    queue
        .is_passed_by(async |tx| {
            let mut ended = attempt(2, AuthType::Key);
            ended.state = AuthorizationState::Failed {
                reason: FailReason::UserDenied,
            };
            authorizations::finish(tx, &waiting.state, &ended, at(2)).await
        })
        .await;
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_s_event_is_put_off_and_handled_by_its_id() {
    let queue = Queue::of_platform_events().await;
    let id = platform_event_id(1);
    queue
        .is_passed_by(async |tx| {
            platform_events::reschedule_for_worker(tx, id, lease(1), at(9)).await?;
            let outcome = PlatformEventOutcome::Ignored;
            let finished = platform_events::finish_for_worker(tx, id, lease(1), outcome, at(9));
            assert!(!finished.await?, "nobody had leased it");
            Ok(())
        })
        .await;
    queue.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_by_key_is_put_off_by_its_id() {
    let queue = Queue::of_attempts(AuthType::Key, |number| key(number, "key")).await;
    queue
        .is_passed_by(async |tx| {
            authorizations::reschedule_key(tx, attempt_id(1), lease(1), at(9)).await
        })
        .await;
    queue.end().await;
}

/// A hash that is no other number's.
fn unlike(number: u128) -> [u8; 32] {
    let mut unlike = hash(0);
    unlike[..16].copy_from_slice(&number.to_be_bytes());
    unlike
}

fn link_of(number: u128) -> Carried {
    Carried::Link {
        state_hash: unlike(number),
    }
}

fn platform_event_id(number: u128) -> PlatformEventId {
    PlatformEventId::new(Uuid::from_u128(number))
}

fn events() -> [EventId; 3] {
    NUMBERS.map(event_id)
}

/// How a table is when the database takes note of it, how it is afterwards, and what an index says of what waits.
struct Sides {
    quiet: &'static str,
    busy: &'static str,
    waits: &'static str,
}

/// A table in which much waits, though the database took note that nothing does.
struct Queue {
    database: TestDatabase,
    storage: Storage,
    table: &'static str,
}

impl Queue {
    async fn of_events() -> Self {
        let database = TestDatabase::postgres().await;
        let storage = with_events(&database).await;
        let sides = Sides {
            quiet: "effect_at = 1",
            busy: "effect_at = NULL",
            waits: "effect_at IS NULL",
        };
        Self::between(database, storage, "outbox", sides).await
    }

    async fn of_deliveries() -> Self {
        let database = TestDatabase::postgres().await;
        let storage = with_events(&database).await;
        let secret = sealed(Place::EndpointSecret(endpoint_id(1)), "whsec_1");
        let new: Vec<_> = (1..=BACKLOG)
            .map(|number| NewDelivery {
                id: delivery_id(number),
                event: event_id(number),
                endpoint: endpoint_id(1),
                institution: ALPHA,
                lease: Some((lease(1), at(60))),
            })
            .collect();
        storage
            .write(async |tx| {
                endpoints::insert(tx, &endpoint(1, ALPHA), secret).await?;
                deliveries::insert_for_worker(tx, &new, at(0)).await
            })
            .await
            .unwrap();
        let sides = Sides {
            quiet: "status = 'DELIVERED', finished_at = 1",
            busy: "status = 'PENDING', finished_at = NULL",
            waits: "status = 'PENDING'",
        };
        Self::between(database, storage, "deliveries", sides).await
    }

    /// Attempts of one store, with what `carried` makes for each.
    async fn of_attempts(auth_type: AuthType, carried: fn(u128) -> Carried) -> Self {
        let database = TestDatabase::postgres().await;
        let storage = database.open_migrated().await;
        settle_stores(&storage).await;
        storage
            .write(async |tx| {
                for number in 1..=BACKLOG {
                    let mut attempt = attempt(number, auth_type);
                    attempt.store = store_id(1);
                    authorizations::insert(tx, &attempt, carried(number)).await?;
                }
                Ok::<_, StorageError>(())
            })
            .await
            .unwrap();
        let sides = Sides {
            quiet: "status = 'SUPERSEDED', finished_at = 1, credential = NULL",
            busy: "status = 'PENDING', finished_at = NULL",
            waits: "status = 'PENDING'",
        };
        Self::between(database, storage, "authorizations", sides).await
    }

    async fn of_platform_events() -> Self {
        let database = TestDatabase::postgres().await;
        let storage = database.open_migrated().await;
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
        storage
            .write(async |tx| {
                platform_apps::insert(tx, &app, at(0)).await?;
                for number in 1..=BACKLOG {
                    let new = NewPlatformEvent {
                        id: platform_event_id(number),
                        same_key: unlike(number),
                        platform: app.platform,
                        app: app.id,
                        topic: "apps/installed_uninstalled".to_owned(),
                        kind: PlatformEventKind::Uninstalled,
                        shop: None,
                        created_at: at(0),
                    };
                    platform_events::insert(tx, &new).await?;
                }
                Ok::<_, StorageError>(())
            })
            .await
            .unwrap();
        let sides = Sides {
            quiet: "status = 'HANDLED', outcome = 'IGNORED', finished_at = 1",
            busy: "status = 'RECEIVED', outcome = NULL, finished_at = NULL",
            waits: "status = 'RECEIVED'",
        };
        Self::between(database, storage, "platform_events", sides).await
    }

    async fn between(
        database: TestDatabase,
        storage: Storage,
        table: &'static str,
        sides: Sides,
    ) -> Self {
        let queue = Self {
            database,
            storage,
            table,
        };
        // Nobody is to look at the table again on its own.
        let alone = format!("ALTER TABLE {table} SET (autovacuum_enabled = off)");
        execute(&queue.storage, &alone).await.unwrap();
        let set = async |values| {
            let update = format!("UPDATE {table} SET {values}");
            execute(&queue.storage, &update).await.unwrap();
        };
        set(sides.quiet).await;
        let mut server = PgConnection::connect(queue.database.url()).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("VACUUM ANALYZE {table}")))
            .execute(&mut server)
            .await
            .unwrap();
        server.close().await.unwrap();
        set(sides.busy).await;
        queue.is_read_by_who_says_so(sides.waits).await;
        queue
    }

    /// A statement that says of a row what the index says is led astray, or nothing here would be shown.
    async fn is_read_by_who_says_so(&self, waits: &str) {
        let before = self.scans().await;
        let (table, id) = (self.table, Uuid::from_u128(1));
        let naive = format!(
            "UPDATE {table} SET created_at = created_at WHERE id = '{id}' AND {waits};
             SELECT pg_stat_force_next_flush()"
        );
        execute(&self.storage, &naive).await.unwrap();
        assert_eq!(self.scans().await, before + 1, "the statistics are right");
    }

    /// Whether `change` reads none of the indexes of what waits.
    async fn is_passed_by(&self, change: impl AsyncFnOnce(&Tx) -> Result<(), StorageError> + Send) {
        let before = self.scans().await;
        self.storage
            .write(async |tx| {
                change(tx).await?;
                // Counts are told when a connection has been idle for a while, unless it is asked for them.
                let tell = "SELECT pg_stat_force_next_flush()";
                tx.connection().execute_unprepared(tell).await?;
                Ok::<_, StorageError>(())
            })
            .await
            .unwrap();
        assert_eq!(
            self.scans().await,
            before,
            "an index of what waits was read"
        );
    }

    /// How often one of the indexes was read that know only what waits.
    async fn scans(&self) -> i64 {
        let scans = format!(
            "SELECT SUM(idx_scan)::bigint FROM pg_stat_user_indexes JOIN pg_index USING (indexrelid)
             WHERE relname = '{}' AND indpred IS NOT NULL",
            self.table
        );
        number(&self.storage, &scans).await
    }

    async fn end(self) {
        drop(self.storage);
        self.database.delete().await;
    }
}

/// The first of them are leased.
async fn with_events(database: &TestDatabase) -> Storage {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    let events: Vec<_> = (1..=BACKLOG).map(|number| event(number, ALPHA)).collect();
    append(&storage, &events).await;
    let all = u64::try_from(events.len()).unwrap();
    storage
        .write(async |tx| outbox::place_for_worker(tx, lease(1), at(60), all).await)
        .await
        .unwrap();
    storage
}
