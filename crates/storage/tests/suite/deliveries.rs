//! Events on their way to the endpoints.

use std::time::Duration;

use domain::delivery::{AttemptError, DeliveryStatus};
use domain::endpoint::EndpointStatus;
use domain::{DeliveryId, EndpointId, LeaseId};
use secrecy::ExposeSecret;
use storage::attempts::{self, Attempt};
use storage::deliveries::{self, DueDelivery, NewDelivery, Next};
use storage::sealing::Place;
use storage::{Storage, StorageError, endpoints};
use uuid::Uuid;

use crate::database::{TestDatabase, at_once, number};
use crate::world::{
    ALPHA, BETA, append, at, delivery_id, endpoint, endpoint_id, event, event_id, keyring, lease,
    sealed, settle,
};

on_both! {
    a_delivery_brings_its_event_and_endpoint,
    an_event_goes_to_an_endpoint_once,
    the_longest_due_is_leased_first_and_again_after_the_lease,
    workers_that_lease_at_once_share_nothing,
    a_busy_endpoint_holds_up_nobody_else,
    an_endpoint_gets_no_more_at_once_than_it_may,
    disabled_and_deleted_endpoints_are_passed_over,
    an_attempt_counts_only_under_its_lease,
    what_was_owed_to_a_deleted_endpoint_is_abandoned,
    what_is_due_is_what_can_be_leased,
    attempts_are_kept,
}

/// Endpoints 1 and 2 of Alpha; events 1 to `events`; delivery 10 * n + e of event n to endpoint e.
async fn deliver(storage: &Storage, events: u128) {
    settle(storage).await;
    let new: Vec<_> = (1..=events).map(|number| event(number, ALPHA)).collect();
    append(storage, &new).await;
    storage
        .write(async |tx| {
            for number in [1, 2] {
                let secret = sealed(Place::EndpointSecret(endpoint_id(number)), "whsec_1");
                endpoints::insert(tx, &endpoint(number, ALPHA), secret).await?;
            }
            for event in 1..=events {
                let both = [1, 2].map(|endpoint| delivery(event, endpoint));
                // The later event is due later.
                let now = at(i64::try_from(event).unwrap() - 1);
                deliveries::insert_for_worker(tx, &both, now).await?;
            }
            Ok::<_, StorageError>(())
        })
        .await
        .unwrap();
}

fn delivery(event: u128, endpoint: u128) -> NewDelivery {
    NewDelivery {
        id: delivery_id(10 * event + endpoint),
        event: event_id(event),
        endpoint: endpoint_id(endpoint),
        institution: ALPHA,
        lease: None,
    }
}

async fn lease_all(
    storage: &Storage,
    now: i64,
    lease: LeaseId,
    until: i64,
    busy: &[EndpointId],
) -> Vec<DueDelivery> {
    storage
        .write(async |tx| {
            deliveries::lease_for_worker(tx, at(now), lease, at(until), busy, 100, 100).await
        })
        .await
        .unwrap()
        .due
}

fn numbers(due: &[DueDelivery]) -> Vec<u128> {
    due.iter().map(|due| due.id.uuid().as_u128()).collect()
}

async fn count(storage: &Storage, id: DeliveryId, lease: LeaseId, next: Next) -> bool {
    storage
        .write(async |tx| deliveries::count_attempt_for_worker(tx, id, lease, next, at(50)).await)
        .await
        .unwrap()
}

async fn a_delivery_brings_its_event_and_endpoint(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    deliver(&storage, 1).await;
    let due = lease_all(&storage, 0, lease(1), 60, &[endpoint_id(2)]).await;
    let [due] = &due[..] else {
        panic!("{due:?}");
    };
    assert_eq!((due.id, due.event), (delivery_id(11), event_id(1)));
    assert_eq!(due.payload, event(1, ALPHA).payload);
    assert_eq!(due.endpoint, endpoint(1, ALPHA));
    assert_eq!(due.attempts, 0);
    let place = Place::EndpointSecret(due.endpoint.id);
    let secret = keyring().open(place, &due.secret).unwrap();
    assert_eq!(secret.expose_secret(), "whsec_1");
}

async fn an_event_goes_to_an_endpoint_once(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    deliver(&storage, 1).await;
    let again = [
        NewDelivery {
            id: delivery_id(99),
            ..delivery(1, 1)
        },
        NewDelivery {
            id: delivery_id(98),
            ..delivery(1, 2)
        },
    ];
    storage
        .write(async |tx| deliveries::insert_for_worker(tx, &again, at(0)).await)
        .await
        .unwrap();
    let due = lease_all(&storage, 0, lease(1), 60, &[]).await;
    assert_eq!(numbers(&due), [11, 12]);
    storage
        .write(async |tx| deliveries::insert_for_worker(tx, &[], at(0)).await)
        .await
        .expect("nothing to insert is no failure");
}

async fn the_longest_due_is_leased_first_and_again_after_the_lease(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    deliver(&storage, 3).await;
    let due = lease_all(&storage, 1, lease(1), 60, &[]).await;
    assert_eq!(numbers(&due), [11, 12, 21, 22], "event 3 is due at 2 s");
    let due = lease_all(&storage, 59, lease(2), 90, &[]).await;
    assert_eq!(numbers(&due), [31, 32]);
    let due = lease_all(&storage, 60, lease(3), 120, &[]).await;
    assert_eq!(numbers(&due), [11, 12, 21, 22]);
}

async fn workers_that_lease_at_once_share_nothing(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    deliver(&storage, 30).await;
    let leased = at_once(8, |number| {
        let storage = storage.clone();
        async move {
            let due = storage
                .write(async |tx| {
                    let lease = lease(number as u128);
                    deliveries::lease_for_worker(tx, at(100), lease, at(200), &[], 10, 10).await
                })
                .await
                .unwrap();
            numbers(&due.due)
        }
    })
    .await;
    let mut ids = leased.concat();
    ids.extend(numbers(&lease_all(&storage, 100, lease(9), 200, &[]).await));
    ids.sort_unstable();
    let all: Vec<_> = (1..=30)
        .flat_map(|event| [10 * event + 1, 10 * event + 2])
        .collect();
    assert_eq!(ids, all);
}

async fn a_busy_endpoint_holds_up_nobody_else(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    deliver(&storage, 3).await;
    let due = lease_all(&storage, 9, lease(1), 60, &[endpoint_id(1)]).await;
    assert_eq!(numbers(&due), [12, 22, 32]);
    let both = [endpoint_id(1), endpoint_id(2)];
    let due = lease_all(&storage, 9, lease(1), 60, &both).await;
    assert_eq!(numbers(&due), []);
    let due = lease_all(&storage, 9, lease(1), 60, &[]).await;
    assert_eq!(numbers(&due), [11, 21, 31]);
}

async fn an_endpoint_gets_no_more_at_once_than_it_may(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    deliver(&storage, 3).await;
    let lease_two = async |lease, busy: &[EndpointId]| {
        let due = storage
            .write(async |tx| {
                deliveries::lease_for_worker(tx, at(9), lease, at(60), busy, 2, 100).await
            })
            .await
            .unwrap();
        numbers(&due.due)
    };
    assert_eq!(lease_two(lease(1), &[]).await, [11, 12, 21, 22]);
    // What it did not get is not leased.
    assert_eq!(lease_two(lease(2), &[endpoint_id(1)]).await, [32]);
    assert_eq!(lease_two(lease(3), &[]).await, [31]);
}

async fn disabled_and_deleted_endpoints_are_passed_over(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    deliver(&storage, 1).await;
    storage
        .write(async |tx| {
            let id = endpoint_id(1);
            let (before, after) = (EndpointStatus::Unverified, EndpointStatus::Disabled);
            endpoints::change_status_for_worker(tx, id, before, after).await?;
            endpoints::delete(tx, ALPHA, endpoint_id(2), at(1)).await
        })
        .await
        .unwrap();
    let due = lease_all(&storage, 9, lease(1), 60, &[]).await;
    assert_eq!(numbers(&due), []);
}

async fn an_attempt_counts_only_under_its_lease(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    deliver(&storage, 1).await;
    let busy = [endpoint_id(2)];
    let id = delivery_id(11);
    let again = Next::Try { at: at(100) };
    let delivered = Next::End(DeliveryStatus::Delivered);
    lease_all(&storage, 0, lease(1), 60, &busy).await;
    assert!(!count(&storage, id, lease(2), again).await);
    // The first worker was too slow: its lease is over and another has it.
    lease_all(&storage, 60, lease(2), 90, &busy).await;
    assert!(!count(&storage, id, lease(1), delivered).await);
    assert!(count(&storage, id, lease(2), again).await);

    let due = lease_all(&storage, 99, lease(3), 200, &busy).await;
    assert_eq!(numbers(&due), []);
    let due = lease_all(&storage, 100, lease(3), 200, &busy).await;
    assert_eq!(due.iter().map(|due| due.attempts).collect::<Vec<_>>(), [1]);
    assert!(count(&storage, id, lease(3), delivered).await);
    assert!(!count(&storage, id, lease(3), again).await, "it has ended");
    let due = lease_all(&storage, 1000, lease(4), 2000, &busy).await;
    assert_eq!(numbers(&due), []);
    let ended = "SELECT attempts FROM deliveries WHERE status = 'DELIVERED'";
    assert_eq!(number(&storage, ended).await, 2);
}

async fn what_was_owed_to_a_deleted_endpoint_is_abandoned(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    deliver(&storage, 2).await;
    lease_all(&storage, 0, lease(1), 60, &[]).await;
    assert!(
        count(
            &storage,
            delivery_id(11),
            lease(1),
            Next::End(DeliveryStatus::Exhausted)
        )
        .await
    );
    let abandon = async |institution| {
        storage
            .write(async |tx| deliveries::abandon(tx, institution, endpoint_id(1), at(9)).await)
            .await
            .unwrap();
    };
    let abandoned = "SELECT COUNT(*) FROM deliveries WHERE status = 'ABANDONED'";
    abandon(BETA).await;
    assert_eq!(number(&storage, abandoned).await, 0);
    abandon(ALPHA).await;
    assert_eq!(
        number(&storage, abandoned).await,
        1,
        "only what was pending"
    );
    let due = lease_all(&storage, 60, lease(2), 90, &[]).await;
    assert_eq!(numbers(&due), [12, 22]);
}

async fn what_is_due_is_what_can_be_leased(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    deliver(&storage, 2).await;
    let has_due = async |seconds| {
        deliveries::has_due_for_worker(&storage, at(seconds))
            .await
            .unwrap()
    };
    assert!(!has_due(-1).await);
    assert!(has_due(0).await);
    lease_all(&storage, 0, lease(1), 60, &[]).await;
    assert!(!has_due(0).await);
    assert!(has_due(1).await, "event 2");
    lease_all(&storage, 1, lease(2), 90, &[]).await;
    assert!(!has_due(59).await);
    assert!(has_due(60).await, "the first lease is over");
    storage
        .write(async |tx| {
            let (before, after) = (EndpointStatus::Unverified, EndpointStatus::Disabled);
            for number in [1, 2] {
                let id = endpoint_id(number);
                endpoints::change_status_for_worker(tx, id, before, after).await?;
            }
            Ok::<_, StorageError>(())
        })
        .await
        .unwrap();
    assert!(!has_due(60).await, "nothing goes to a disabled endpoint");
}

async fn attempts_are_kept(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    deliver(&storage, 1).await;
    let answered = Attempt {
        id: Uuid::from_u128(1),
        delivery: delivery_id(11),
        started_at: at(1),
        duration: Duration::from_millis(1500),
        status_code: Some(503),
        error: Some(AttemptError::Status),
        webhook_timestamp: at(1).timestamp(),
        signature: "v1,abc".to_owned(),
        answer_excerpt: Some(b"busy".to_vec()),
    };
    storage
        .write(async |tx| {
            attempts::insert_for_worker(tx, std::slice::from_ref(&answered)).await?;
            for (number, error) in (2..).zip(AttemptError::ALL) {
                let unanswered = Attempt {
                    id: Uuid::from_u128(number),
                    status_code: None,
                    error: Some(error),
                    answer_excerpt: None,
                    ..answered.clone()
                };
                attempts::insert_for_worker(tx, &[unanswered]).await?;
            }
            Ok::<_, StorageError>(())
        })
        .await
        .unwrap();
    let sql = format!(
        "SELECT COUNT(*) FROM attempts WHERE duration_ms = 1500 AND status_code = 503
         AND error_class = 'STATUS' AND started_at = {} AND webhook_timestamp = {}
         AND signature = 'v1,abc' AND LENGTH(answer_excerpt) = 4",
        at(1).timestamp_millis(),
        at(1).timestamp(),
    );
    assert_eq!(number(&storage, &sql).await, 1);
    assert_eq!(number(&storage, "SELECT COUNT(*) FROM attempts").await, 6);
}
